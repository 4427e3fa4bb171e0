/* What a capture says of the process that it is of, in the words of `prof.host`. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api.h"

#define MOST_ANCESTORS 64
#define MOST_ARGUMENTS 65536 /* bytes */

/* A file of /proc, with a NUL behind it: how many bytes; 0 where there is none. */
static size_t slurp(const char *path, char *text, size_t size) {
    size_t used = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t got = 1; fd >= 0 && got > 0 && used < size - 1; used += got > 0 ? (size_t)got : 0)
        got = read(fd, text + used, size - 1 - used);
    if (fd >= 0) close(fd);
    text[used] = 0;
    return used;
}

void prof_api_program(char *name, size_t size) {
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    const char *base = strrchr(path, '/');
    snprintf(name, size, "%s", base && base[1] ? base + 1 : "program");
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------- */

static void put_text(FILE *out, const char *text) {
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') fprintf(out, "\\%c", *c);
        else if (*c < 0x20) fprintf(out, "\\u%04x", *c);
        else fputc(*c, out);
    }
    fputc('"', out);
}

static void put(FILE *out, const char *key, const char *text) {
    fprintf(out, ", \"%s\": ", key);
    put_text(out, text);
}

static void put_arguments(FILE *out) {
    char *text = malloc(MOST_ARGUMENTS);
    size_t used = text ? slurp("/proc/self/cmdline", text, MOST_ARGUMENTS) : 0;
    fputs(", \"argv\": [", out);
    for (size_t at = 0; at < used; at += strlen(text + at) + 1) {
        if (at) fputs(", ", out);
        put_text(out, text + at);
    }
    fputc(']', out);
    free(text);
}

/* Of a process, its parent and when it began, in ticks since the machine did: 0, or -1. */
static int origin(long pid, long *parent, unsigned long long *began) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    const char *behind = slurp(path, text, sizeof text) ? strrchr(text, ')') : NULL;
    if (!behind) return -1;
    return sscanf(behind + 1, " %*c %ld %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", parent, began) ==
                   2
               ? 0
               : -1;
}

/* This process and those that it comes from, so that readers know the captures of one run. */
static void put_lineage(FILE *out) {
    long pid = (long)getpid(), parent;
    unsigned long long began;
    if (origin(pid, &parent, &began)) return;
    fprintf(out, ", \"family\": [%ld, %llu], \"lineage\": [", pid, began);
    for (int i = 0; i < MOST_ANCESTORS && pid > 0 && !origin(pid, &parent, &began); i++, pid = parent)
        fprintf(out, "%s[%ld, %llu]", i ? ", " : "", pid, began);
    fputc(']', out);
}

char *prof_api_describe(const prof_options *options) {
    char program[256], directory[PATH_MAX], platform[300], *text = NULL;
    size_t size;
    struct utsname system = {0};
    FILE *out = open_memstream(&text, &size);
    if (!out) return NULL;
    prof_api_program(program, sizeof program);
    uname(&system);
    snprintf(platform, sizeof platform, "%.90s-%.90s-%.90s", system.sysname, system.release, system.machine);
    fputs("{\"name\": ", out);
    put_text(out, options->name ? options->name : program);
    put(out, "implementation", "no Python, a program in C");
    put(out, "engine", "calls of the program's own");
    put(out, "platform", platform);
    put(out, "host", system.nodename);
    put(out, "cwd", getcwd(directory, sizeof directory) ? directory : "");
    put(out, "clock", options->cpu ? "cpu" : "wall");
    put_lineage(out);
    if (!options->no_argv) put_arguments(out);
    fputc('}', out);
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}
