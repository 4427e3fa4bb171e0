/* Feeds the reader damaged copies of a capture, under the sanitizers: cut at every byte, and with bytes changed at
 * random. It must open or refuse each, and everything that it opens must be readable to the end.
 *
 *     test_read CAPTURE CHANGES SCRATCH
 *
 * makes CHANGES random copies (the same ones each time) and writes each to the file SCRATCH. */
#include "../../csrc/read.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned long opened, refused;

static void check(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "test_read: %s\n", what);
        exit(1);
    }
}

static unsigned char *slurp(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    check(file != NULL && fseek(file, 0, SEEK_END) == 0, "cannot read the capture");
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(*size);
    check(data != NULL && fread(data, 1, *size, file) == *size, "cannot read the capture");
    fclose(file);
    return data;
}

static void spill(const char *path, const unsigned char *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size, "cannot write the scratch file");
    close(fd);
}

static void read_tree(const prof_reader *reader, int64_t thread, int null) {
    char error[200] = "";
    const prof_reader_info *info = prof_reader_get(reader);
    prof_reader_tree *tree = prof_reader_tree_new(reader, thread, error, sizeof error);
    if (tree == NULL) {
        check(error[0] != '\0', "a tree was refused without a reason");
        return;
    }
    uint64_t own = 0, count = 0;
    for (uint32_t i = 0; i < tree->count; i++)
        own += tree->self_ns[i];
    check(own == tree->total_ns[0], "self times do not sum to the root");
    prof_reader_sum *sums = malloc((info->label_count + 1) * sizeof *sums);
    uint32_t *shown = malloc(tree->count * sizeof *shown);
    check(sums != NULL && shown != NULL, "out of memory");
    check(prof_reader_sum_labels(tree, sums) == 0, "no sums");
    prof_reader_edge *edges = prof_reader_edges_new(tree, &count);
    check(edges != NULL, "no edges");
    check(prof_reader_select(tree, tree->total_ns, 1, UINT32_MAX, shown) <= tree->count, "more than all is shown");
    check(prof_reader_fold(reader, tree, tree->self_ns, null) >= 0, "cannot fold");
    prof_reader_edges_free(edges);
    free(shown);
    free(sums);
    prof_reader_tree_free(tree);
}

static void read_all(const char *path, int null) {
    char error[200] = "";
    prof_reader *reader = prof_reader_open(path, error, sizeof error);
    if (reader == NULL) {
        check(error[0] != '\0', "a capture was refused without a reason");
        refused++;
        return;
    }
    opened++;
    const prof_reader_info *info = prof_reader_get(reader);
    for (uint64_t i = 0; i < info->label_count; i++)
        check(info->labels[i].name.text[info->labels[i].name.length] == '\0', "a name without its end");
    read_tree(reader, PROF_READER_ALL_THREADS, null);
    for (uint64_t i = 0; i < info->thread_count && i < 4; i++)
        read_tree(reader, (int64_t)i, null);
    prof_reader_close(reader);
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

int main(int argc, char **argv) {
    check(argc == 4, "usage: test_read CAPTURE CHANGES SCRATCH");
    size_t size;
    uint64_t state = 88172645463325252u;
    unsigned char *data = slurp(argv[1], &size), *copy = malloc(size);
    int null = open("/dev/null", O_WRONLY);
    check(copy != NULL && null >= 0, "cannot begin");
    read_all(argv[1], null);
    check(opened == 1, "the capture itself was refused");
    for (size_t cut = 0; cut < size; cut++) {
        spill(argv[3], data, cut);
        read_all(argv[3], null);
    }
    check(opened == 1, "a truncated capture was opened");
    for (long change = 0; change < atol(argv[2]); change++) {
        memcpy(copy, data, size);
        for (uint64_t bytes = 1 + next_random(&state) % 4; bytes > 0; bytes--) {
            /* Half of the changes in the header's fields, a third of all to a value that is often a limit. */
            uint64_t draw = next_random(&state);
            size_t at = draw % 2 ? (draw >> 8) % 448 : (draw >> 8) % size;
            copy[at] = (unsigned char)(draw % 3 ? draw >> 40 : draw % 5 ? 0xff : 0);
        }
        spill(argv[3], copy, size);
        read_all(argv[3], null);
    }
    printf("%lu opened, %lu refused\n", opened, refused);
    free(copy);
    free(data);
    close(null);
    return 0;
}
