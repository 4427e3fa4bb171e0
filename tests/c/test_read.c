/* Feeds the reader damaged copies of a capture, under the sanitizers: cut at every byte, and with bytes changed at
 * random. It must open or refuse each, and everything that it opens must be readable to the end, by itself and merged
 * with the capture as it was.
 *
 *     test_read CAPTURE CHANGES SCRATCH
 *
 * makes CHANGES random copies (the same ones each time) and writes each to the file SCRATCH. */
#define _GNU_SOURCE
#include "read/read.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned long opened, refused;
static prof_reader *whole;        /* the capture as it was */
static volatile uint64_t touched; /* so that what is read is not optimised away */

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

/* Spans as they went: those that contain others before them, and around them. */
static void read_events(const prof_reader *reader, const prof_reader_info *info) {
    char error[200] = "";
    prof_reader_events *events = prof_reader_events_new(reader, error, sizeof error);
    if (events == NULL) {
        check(error[0] != '\0', "events were refused without a reason");
        return;
    }
    for (uint64_t t = 0; t < events->track_count; t++) {
        const prof_reader_track *track = &events->tracks[t];
        check(track->thread < info->thread_count, "a track of no thread");
        for (uint64_t i = 0; i < track->count; i++) {
            check(track->label[i] < info->label_count && track->depth[i] <= track->deepest, "a span of no label");
            check(i == 0 ? track->depth[i] == 0 : track->depth[i] <= track->depth[i - 1] + 1, "a span in none");
            touched += track->start_ns[i] + track->duration_ns[i];
        }
        for (uint64_t i = 0; i < track->open_count; i++)
            check(track->open[i] < track->count && (i == 0 || track->open[i] > track->open[i - 1]), "no span is open");
        for (uint64_t i = 0; i < track->point_count; i++)
            check(track->points[i].name.text[track->points[i].name.length] == '\0', "a point's name without its end");
        check(track->missing_count <= 2, "more is missing than there is");
    }
    prof_reader_events_free(events);
}

/* Sums of each kind, and the names in them. */
static void read_sites(const prof_reader *reader, const prof_reader_operations *operations) {
    for (uint32_t by = PROF_READER_BY_LINE; by <= PROF_READER_BY_CALLEE; by++) {
        prof_reader_sites *sites = prof_reader_sites_new(operations, by, UINT32_MAX);
        check(sites != NULL, "no sums of operations");
        for (uint32_t i = 0; i < sites->count; i++) {
            const prof_reader_site *site = &sites->sites[i];
            check(site->code < operations->code_count && site->row < operations->count, "a sum of nothing");
            if (sites->by_category != NULL) touched += sites->by_category[(size_t)site->index * PROF_READER_CATEGORIES];
            prof_reader_text name = prof_reader_string(reader, site->name);
            check(name.text[name.length] == '\0', "a name without its end");
        }
        prof_reader_sites_free(sites);
    }
}

static void read_operations(const prof_reader *reader, prof_reader_tree *tree) {
    char error[200] = "";
    uint32_t column = prof_reader_column("ops");
    if (!prof_reader_recorded(reader, column)) return;
    prof_reader_operations *operations = prof_reader_operations_new(reader, tree, 0, tree->own[column], error, sizeof error);
    if (operations == NULL) {
        check(error[0] != '\0', "operations were refused without a reason");
        return;
    }
    for (uint32_t i = 0; i < operations->count; i++) {
        touched += operations->rows[i].count + operations->rows[i].taken;
        check(operations->rows[i].access[0] < 4 && operations->rows[i].access[1] < 4, "an unknown access");
    }
    read_sites(reader, operations);
    prof_reader_operations_free(operations);
}

/* Whole stacks, with lines and without: they have all samples of the tree. */
static void read_stacks(const prof_reader *reader, const prof_reader_tree *tree, int null) {
    char error[256] = "";
    uint32_t column = prof_reader_column("samples");
    for (int with_lines = 0; with_lines < 2; with_lines++) {
        prof_reader_tree *stacks = prof_reader_stacks_new(reader, tree, with_lines, error, sizeof error);
        if (stacks == NULL) {
            check(error[0] != '\0', "stacks were refused without a reason");
            return;
        }
        uint64_t here = 0, there = 0;
        for (uint32_t i = 0; i < stacks->count; i++) here += stacks->own[column][i];
        for (uint32_t i = 0; i < tree->count; i++) there += tree->own[column][i];
        check(here == there, "stacks have other samples than the tree");
        check((stacks->at != NULL) == with_lines, "lines are where they were not asked for");
        check(prof_reader_fold(reader, stacks, stacks->own[column], null) >= 0, "cannot fold stacks");
        prof_reader_tree_free(stacks);
    }
}

/* `within`: the tree of one label, or of PROF_READER_NO_LABEL, in the place of a thread's; -1 for none. */
static void read_tree(const prof_reader *reader, int64_t thread, int64_t within, int null) {
    char error[200] = "";
    prof_reader_tree *tree = within < 0 ? prof_reader_tree_new(reader, thread, error, sizeof error)
                                        : prof_reader_tree_within(reader, (uint32_t)within, error, sizeof error);
    if (tree == NULL) {
        check(error[0] != '\0', "a tree was refused without a reason");
        return;
    }
    read_operations(reader, tree);
    read_stacks(reader, tree, null);
    uint32_t labels = tree->label_count;
    uint64_t *own = malloc((labels + tree->count) * sizeof *own), *total = malloc((labels + tree->count) * sizeof *total);
    uint32_t *shown = malloc(tree->count * sizeof *shown);
    prof_reader_pairs *calls = prof_reader_pairs_new(tree, 0), *lines = prof_reader_pairs_new(tree, 1);
    check(own != NULL && total != NULL && shown != NULL && calls != NULL && lines != NULL, "out of memory");
    check(prof_reader_sum_groups(tree, tree->label, labels, NULL, own, NULL) == 0, "no counts");
    for (uint32_t c = 0; c < tree->column_count; c++) {
        const uint64_t *column = tree->own[c];
        uint64_t sum = 0;
        check(prof_reader_column(prof_reader_column_name(c)) == c, "a column without a name");
        prof_reader_recorded(reader, c);
        check(prof_reader_sum_groups(tree, tree->label, labels, column, own, total) == 0, "no sums by label");
        check(prof_reader_sum_groups(tree, calls->group, calls->count, column, own, total) == 0, "no sums by call");
        check(prof_reader_sum_groups(tree, lines->group, lines->count, column, own, total) == 0, "no sums by line");
        check(prof_reader_order(own, lines->count, shown) == 0, "no order");
        prof_reader_inclusive(tree, column, total);
        for (uint32_t i = 0; i < tree->count; i++) sum += column[i];
        check(sum == total[0], "own values do not sum to the root");
        check(prof_reader_select(tree, total, 1, UINT32_MAX, 1, shown) <= tree->count, "more than all is shown");
    }
    check(prof_reader_fold(reader, tree, tree->own[tree->column_count - 1], null) >= 0, "cannot fold");
    prof_reader_pairs_free(calls);
    prof_reader_pairs_free(lines);
    free(shown);
    free(own);
    free(total);
    prof_reader_tree_free(tree);
}

/* Names, whatever is in them, as people see them: exactly within the room that is asked for. */
static void escape(const prof_reader_info *info) {
    for (uint64_t i = 0; i < info->label_count; i++) {
        prof_reader_text name = info->labels[i].name;
        char *out = malloc(4 * (size_t)name.length + 8);
        check(out != NULL, "out of memory");
        size_t used = prof_reader_escape(name.text, name.length, out);
        for (size_t k = 0; k < used; k++) check((unsigned char)out[k] >= 0x20 && out[k] != 0x7f, "a control character is shown");
        free(out);
    }
}

/* The calls of the whole tree. */
static uint64_t calls_of(const prof_reader *reader) {
    char error[200] = "";
    uint64_t sum = 0;
    prof_reader_tree *tree = prof_reader_tree_new(reader, PROF_READER_ALL_THREADS, error, sizeof error);
    check(tree != NULL, "what was merged has no tree");
    for (uint32_t i = 0; i < tree->count; i++) sum += tree->own[prof_reader_column("calls")][i];
    prof_reader_tree_free(tree);
    return sum;
}

/* A capture between two that are whole: all of it is added or nothing, and what comes out is as good as any capture. */
static void merge(const prof_reader *reader, int64_t thread, int null) {
    char error[200] = "";
    uint64_t totals[64];
    uint32_t columns = 0;
    while (prof_reader_column_name(columns) != NULL) columns++;
    check(columns <= sizeof totals / sizeof *totals, "too many columns");
    prof_merger *merger = prof_merger_new();
    check(merger != NULL && prof_merger_add(merger, whole, PROF_READER_ALL_THREADS, totals, error, sizeof error) == 0,
          "the whole capture cannot be merged");
    int result = prof_merger_add(merger, reader, thread, totals, error, sizeof error);
    check(result == 0 || (result == -1 && error[0] != '\0'), "a capture was not merged without a reason");
    check(prof_merger_add(merger, whole, PROF_READER_ALL_THREADS, NULL, error, sizeof error) == 0, "a capture spoils the next");
    prof_reader *merged = prof_merger_finish(merger, 1, 2, 3, "{}", 2, error, sizeof error);
    prof_merger_free(merger);
    check(merged != NULL, error);
    check(result == 0 || calls_of(merged) == 2 * calls_of(whole), "a part of what was refused is in the sums");
    read_tree(merged, PROF_READER_ALL_THREADS, -1, null);
    touched += prof_reader_get(merged)->thread_count;
    /* The whole's labels, with the indexes that they have in what was merged. */
    prof_merger *again = prof_merger_new();
    check(again != NULL && prof_merger_like(again, merged) == 0, "labels cannot be taken over");
    check(prof_merger_add(again, whole, 0, NULL, error, sizeof error) == 0, "a thread cannot be added");
    prof_reader *like = prof_merger_finish(again, 1, 2, 3, NULL, 0, error, sizeof error);
    prof_merger_free(again);
    check(like != NULL, error);
    const prof_reader_info *one = prof_reader_get(like), *two = prof_reader_get(merged);
    check(one->label_count == two->label_count, "labels are missing, or more");
    for (uint64_t i = 0; i < one->label_count; i++)
        check(one->labels[i].name.length == two->labels[i].name.length &&
                  memcmp(one->labels[i].name.text, two->labels[i].name.text, one->labels[i].name.length) == 0,
              "labels in another order");
    prof_reader_close(like);
    prof_reader_close(merged);
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
    for (uint64_t i = 0; i < info->type_count; i++)
        check(info->types[i].name.text[info->types[i].name.length] == '\0', "a type's name without its end");
    for (uint64_t i = 0; i < info->moment_count; i++) touched += info->moments[i].ns;
    for (uint64_t i = 0; i < info->process_count; i++)
        check(i == 0 || info->process[i].user_ns >= info->process[i - 1].user_ns, "a sum that falls");
    for (uint64_t i = 0; i < info->source_count; i++) {
        check(info->sources[i].file.text[info->sources[i].file.length] == '\0', "a file's name without its end");
        touched += info->sources[i].hash;
    }
    for (uint64_t i = 0; i < info->metric_count; i++) {
        check(info->metrics[i].name.text[info->metrics[i].name.length] == '\0', "a metric's name without its end");
        check(info->metrics[i].node < info->node_count, "a metric of no node");
        check(info->metrics[i].real_sum - info->metrics[i].real_sum == 0, "a metric's sum is no finite number");
    }
    read_events(reader, info);
    escape(info);
    read_tree(reader, PROF_READER_ALL_THREADS, -1, null);
    read_tree(reader, PROF_READER_ALL_THREADS, PROF_READER_NO_LABEL, null);
    read_tree(reader, PROF_READER_ALL_THREADS, 1, null); /* a label, or too large */
    for (uint64_t i = 0; i < info->thread_count && i < 4; i++) read_tree(reader, (int64_t)i, -1, null);
    if (whole == NULL) {
        whole = reader; /* the first one */
        return;
    }
    if (opened % 4 == 0) /* it takes as long again as all the rest */
        merge(reader, opened % 3 ? PROF_READER_ALL_THREADS : 0, null);
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
    spill(argv[3], data, size);
    for (size_t cut = size; cut-- > 0;) {
        check(truncate(argv[3], (off_t)cut) == 0, "cannot cut the scratch file");
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
    prof_reader_close(whole);
    free(copy);
    free(data);
    close(null);
    return 0;
}
