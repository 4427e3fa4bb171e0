/* A program in C that records itself: `test_api CASE FOLDER` runs one case, in that folder, and exits with 0. What a case did it says
 * on standard output, from counts of its own, to be compared with the capture. */
#define _GNU_SOURCE
#include <prof.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(holds)                                                                       \
    do {                                                                                   \
        if (!(holds)) {                                                                    \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #holds, prof_error()); \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

static prof_site sites[] = {PROF_SITE("a"), PROF_SITE("b"), PROF_SECTION_SITE("c"), PROF_SITE_OF(PROF_KIND_FUNCTION, "d", "mod")};
static const char *const names[] = {"a", "b", "c", "d"};
#define SITES 4

static void start(void) {
    prof_options options = PROF_OPTIONS;
    options.path = "test.capture";
    CHECK(prof_start(&options) == PROF_OK);
}

/* ---- spans: a random walk, with a table of its paths beside it ---- */

#define DEEPEST 5
#define PATHS 1365 /* 4^0 + ... + 4^5: a path is a number in base 4, behind those that are shorter */

static unsigned random_next(unsigned *seed) { return (*seed = *seed * 1103515245u + 12345u) >> 16; }

static void walk(unsigned seed, int steps, unsigned long *entered) {
    int stack[DEEPEST], depth = 0;
    unsigned path[DEEPEST + 1] = {0};
    for (int i = 0; i < steps; i++) {
        if (depth < DEEPEST && (depth == 0 || random_next(&seed) % 2)) {
            int site = (int)(random_next(&seed) % SITES);
            CHECK(prof_enter(&sites[site]) == PROF_OK);
            stack[depth++] = site;
            path[depth] = path[depth - 1] * SITES + 1 + (unsigned)site;
            entered[path[depth]]++;
        } else {
            CHECK(prof_exit(&sites[stack[--depth]]) == PROF_OK);
        }
    }
    while (depth) CHECK(prof_exit(&sites[stack[--depth]]) == PROF_OK);
}

static void print_path(unsigned path) {
    if (path > SITES) {
        print_path((path - 1) / SITES);
        putchar(';');
    }
    fputs(names[(path - 1) % SITES], stdout);
}

static void print_paths(const unsigned long *entered) {
    for (unsigned path = 1; path < PATHS; path++) {
        if (!entered[path]) continue;
        print_path(path);
        printf(" %lu\n", entered[path]);
    }
}

static void spans(void) {
    unsigned long entered[PATHS] = {0}, calls = 0;
    start();
    walk(1, 100000, entered);
    CHECK(prof_stop() == PROF_OK);
    print_paths(entered);
    for (int i = 0; i < PATHS; i++) calls += entered[i];
    prof_stats stats = PROF_STATS;
    CHECK(prof_get_stats(&stats) == PROF_OK);
    CHECK(stats.calls == calls && stats.functions == SITES && stats.threads == 1 && stats.dropped == 0 && stats.open == 0);
    CHECK(stats.seconds > 0 && stats.seconds < 60);
}

#define THREADS 6
static unsigned long thread_entered[THREADS][PATHS];

static void *walk_thread(void *argument) {
    int index = (int)(size_t)argument;
    char name[16];
    snprintf(name, sizeof name, "walker %d", index);
    CHECK(prof_set_thread_name(name) == PROF_OK);
    walk((unsigned)index + 7, 20000, thread_entered[index]);
    return NULL;
}

static void threads(void) {
    pthread_t running[THREADS];
    start();
    for (size_t i = 0; i < THREADS; i++) CHECK(!pthread_create(&running[i], NULL, walk_thread, (void *)i));
    for (int i = 0; i < THREADS; i++) pthread_join(running[i], NULL);
    CHECK(prof_stop() == PROF_OK);
    for (int i = 1; i < THREADS; i++)
        for (int k = 0; k < PATHS; k++) thread_entered[0][k] += thread_entered[i][k];
    print_paths(thread_entered[0]);
}

/* ---- what is told of: calls, samples, blocks, metrics ---- */

static void spin(long ns) {
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begin.tv_sec) * 1000000000L + now.tv_nsec - begin.tv_nsec < ns);
}

static void calls(void) {
    start();
    CHECK(prof_enter(&sites[0]) == PROF_OK);
    spin(20000000);
    CHECK(prof_called(NULL, &sites[1], 10, 5000000) == PROF_OK);
    CHECK(prof_called(&sites[3], &sites[1], 3, 4000000) == PROF_OK);
    CHECK(prof_called(&sites[0], &sites[1], 1, 1000000) == PROF_OK);
    CHECK(prof_called(NULL, &sites[1], 1, 1000000000) == PROF_INVALID); /* more than has passed */
    CHECK(prof_called(NULL, &sites[1], 0, 1) == PROF_INVALID);
    CHECK(prof_exit(&sites[0]) == PROF_OK);
    CHECK(prof_stop() == PROF_OK);
    puts("a 1\na;b 11\na;d;b 3");
}

static void samples(void) {
    prof_site *stack[] = {&sites[0], &sites[1], &sites[3]};
    start();
    CHECK(prof_sample(stack, 3, 1000000, 1000000) == PROF_OK);
    CHECK(prof_enter(&sites[2]) == PROF_OK);
    for (int i = 0; i < 5; i++) CHECK(prof_sample(stack, 2, 2000000, 0) == PROF_OK);
    CHECK(prof_sample(NULL, 0, 1000000, 0) == PROF_OK);
    stack[1] = NULL;
    CHECK(prof_sample(stack, 3, 1, 1) == PROF_INVALID);
    CHECK(prof_exit(&sites[2]) == PROF_OK);
    prof_stats stats = PROF_STATS;
    CHECK(prof_get_stats(&stats) == PROF_OK && stats.samples == 7);
    CHECK(prof_stop() == PROF_OK);
    puts("a;b;d 1\nc 1\nc;a;b 5");
}

static void blocks(void) {
    static char pool[1 << 20];
    start();
    CHECK(prof_enter(&sites[0]) == PROF_OK);
    for (int i = 0; i < 1000; i++) CHECK(prof_allocated(&sites[1], pool + 64 * i, 40) == PROF_OK);
    for (int i = 0; i < 600; i++) CHECK(prof_freed(pool + 64 * i) == PROF_OK);
    CHECK(prof_allocated(NULL, pool + (1 << 19), 100000) == PROF_OK);
    CHECK(prof_freed(pool) == PROF_UNKNOWN_BLOCK);
    CHECK(prof_allocated(NULL, pool + (1 << 19) + 16, 50) == PROF_INVALID); /* in the middle of another */
    CHECK(prof_allocated(NULL, NULL, 50) == PROF_INVALID && prof_freed(NULL) == PROF_INVALID);
    prof_stats stats = PROF_STATS;
    CHECK(prof_get_stats(&stats) == PROF_OK && stats.alloc_count == 1001 && stats.alloc_bytes == 140000);
    CHECK(stats.free_count == 600 && stats.free_bytes == 24000 && stats.live_bytes == 116000);
    CHECK(stats.peak_bytes == 116000);
    CHECK(prof_exit(&sites[0]) == PROF_OK && prof_stop() == PROF_OK);
}

static void metrics(void) {
    start();
    CHECK(prof_record("outside", 1) == PROF_OK);
    CHECK(prof_enter(&sites[0]) == PROF_OK);
    for (int i = 1; i <= 10; i++) CHECK(prof_record("rows", i) == PROF_OK);
    CHECK(prof_record_real("share", 0.25) == PROF_OK && prof_record_real("share", 0.5) == PROF_OK);
    double nothing = 0;
    CHECK(prof_record_real("share", 1 / nothing) == PROF_INVALID);
    CHECK(prof_record(NULL, 1) == PROF_INVALID && prof_record("", 1) == PROF_INVALID);
    CHECK(prof_exit(&sites[0]) == PROF_OK && prof_stop() == PROF_OK);
}

/* ---- starting and stopping ---- */

static void misuse(void) {
    prof_site nameless = PROF_SITE(NULL), kindless = PROF_SITE_OF(77, "kind", NULL);
    prof_stats stats = PROF_STATS, sizeless = PROF_STATS;
    prof_options options = PROF_OPTIONS;
    sizeless.size = options.size = 0;
    CHECK(prof_abi() == PROF_ABI && !strcmp(prof_error(), ""));
    CHECK(prof_stop() == PROF_STATE && prof_error()[0] && prof_reset() == PROF_STATE && prof_get_stats(&stats) == PROF_STATE);
    CHECK(prof_enter(&sites[0]) == PROF_OFF && prof_exit(&sites[0]) == PROF_OFF && !prof_running());
    CHECK(prof_record("rows", 1) == PROF_OFF && prof_sample(NULL, 0, 1, 1) == PROF_OFF && prof_freed(&stats) == PROF_OFF);
    CHECK(prof_start(&options) == PROF_INVALID && strstr(prof_error(), "sizeof(prof_options)"));
    options.size = sizeof options;
    options.path = "";
    CHECK(prof_start(&options) == PROF_INVALID);
    options.path = "no/such/folder/x.capture";
    CHECK(prof_start(&options) == PROF_FAILED && strstr(prof_error(), "no/such/folder") && !prof_running());
    options.path = "test.capture";
    options.with = 4;
    CHECK(prof_start(&options) == PROF_INVALID);
    options.with = PROF_WITH_TIME;
    CHECK(prof_start(&options) == PROF_OK && prof_start(&options) == PROF_STATE && prof_running());
    CHECK(prof_enter(NULL) == PROF_INVALID && prof_exit(NULL) == PROF_INVALID);
    CHECK(prof_enter(&nameless) == PROF_INVALID && prof_enter(&kindless) == PROF_INVALID);
    CHECK(prof_exit(&sites[0]) == PROF_NOT_OPEN && prof_enter(&sites[0]) == PROF_OK && prof_exit(&sites[1]) == PROF_NOT_OPEN);
    CHECK(prof_exit(&sites[0]) == PROF_OK && prof_exit(&sites[0]) == PROF_NOT_OPEN);
    CHECK(prof_sample(NULL, 0, 1, 1) == PROF_OFF && prof_allocated(NULL, &stats, 1) == PROF_OFF); /* left out */
    CHECK(prof_sample(NULL, 3, 1, 1) == PROF_INVALID && prof_called(NULL, NULL, 1, 1) == PROF_INVALID);
    CHECK(prof_get_stats(NULL) == PROF_INVALID && prof_get_stats(&sizeless) == PROF_INVALID);
    CHECK(prof_set_thread_name(NULL) == PROF_INVALID && prof_set_thread_name("worker") == PROF_OK);
    CHECK(!prof_site_get(PROF_KIND_NATIVE, NULL, NULL, NULL, 0) && !prof_site_get(99, "x", NULL, NULL, 0));
    prof_site *made = prof_site_get(PROF_KIND_NATIVE, "made", "m", "f.c", 3);
    CHECK(made && made == prof_site_get(PROF_KIND_NATIVE, "made", "m", "f.c", 3));
    CHECK(made != prof_site_get(PROF_KIND_NATIVE, "made", "m", NULL, 3));
    CHECK(prof_enter(made) == PROF_OK && prof_exit(made) == PROF_OK);
    CHECK(prof_stop() == PROF_OK && prof_stop() == PROF_STATE);
    CHECK(!strcmp(prof_result_text(PROF_OFF), "nothing records this") && !strcmp(prof_result_text(-3), "unknown result"));
    CHECK(prof_profiler_enter(0, &sites[0]) == PROF_NO_PROFILER && prof_profiler_destroy(0) == PROF_NO_PROFILER);
    CHECK(prof_profiler_start(123456789) == PROF_NO_PROFILER && !prof_profiler_joined(~(prof_profiler)0));
}

static void profilers(void) {
    prof_options options = PROF_OPTIONS;
    prof_stats stats = PROF_STATS;
    options.path = "test.capture";
    options.name = "two \"profilers\"";
    prof_profiler first = prof_profiler_create(&options), second = prof_profiler_create(NULL);
    CHECK(first && second && first != second);
    CHECK(prof_profiler_enter(first, &sites[0]) == PROF_OFF && prof_profiler_stop(first) == PROF_STATE);
    CHECK(prof_profiler_start(first) == PROF_OK && prof_profiler_start(first) == PROF_STATE && !prof_profiler_joined(first));
    CHECK(prof_profiler_enter(second, &sites[1]) == PROF_OFF); /* not started */
    CHECK(prof_profiler_start(second) == PROF_OK && prof_profiler_joined(second));
    CHECK(prof_profiler_enter(first, &sites[0]) == PROF_OK && prof_profiler_enter(second, &sites[1]) == PROF_OK);
    CHECK(prof_profiler_exit(second, &sites[1]) == PROF_OK && prof_profiler_exit(first, &sites[0]) == PROF_OK);
    CHECK(prof_profiler_record(first, "rows", 3) == PROF_OK && prof_profiler_record_real(first, "share", 1.5) == PROF_OK);
    CHECK(prof_profiler_get_stats(first, &stats) == PROF_OK && stats.calls == 2);
    CHECK(prof_profiler_reset(second) == PROF_NOT_OURS && prof_profiler_reset(first) == PROF_OK);
    CHECK(prof_profiler_get_stats(first, &stats) == PROF_OK && stats.calls == 0);
    for (int i = 0; i < 3; i++)
        CHECK(prof_profiler_enter(first, &sites[0]) == PROF_OK && prof_profiler_exit(first, &sites[0]) == PROF_OK);
    CHECK(prof_enter(&sites[1]) == PROF_OK && prof_exit(&sites[1]) == PROF_OK); /* the global functions go there as well */
    CHECK(prof_profiler_stop(second) == PROF_OK && prof_profiler_enter(first, &sites[0]) == PROF_OK); /* ends nothing */
    CHECK(prof_profiler_exit(first, &sites[0]) == PROF_OK && strstr(prof_profiler_capture(first), "/test.capture"));
    CHECK(prof_profiler_stop(first) == PROF_OK && prof_profiler_get_stats(first, &stats) == PROF_OK && stats.calls == 5);
    CHECK(prof_profiler_start(first) == PROF_FAILED); /* its file is there */
    CHECK(prof_profiler_destroy(first) == PROF_OK && prof_profiler_destroy(first) == PROF_NO_PROFILER);
    prof_profiler third = prof_profiler_create(NULL); /* may lie where the first one did */
    CHECK(third && third != first && prof_profiler_start(first) == PROF_NO_PROFILER);
    CHECK(prof_profiler_enter(first, &sites[0]) == PROF_NO_PROFILER && prof_profiler_destroy(third) == PROF_OK);
    int made = 0;
    while (prof_profiler_create(NULL)) made++;
    CHECK(made == 62 && prof_error()[0]);
    CHECK(prof_profiler_destroy(second) == PROF_OK && prof_profiler_create(NULL));
    puts("a 4\nb 1");
}

static volatile int go_on = 1;
static unsigned long recorded;

static void *spinning(void *nothing) {
    char blocks_of_mine[64];
    (void)nothing;
    while (__atomic_load_n(&go_on, __ATOMIC_RELAXED)) {
        if (prof_enter(&sites[0]) == PROF_OK) __atomic_fetch_add(&recorded, 1, __ATOMIC_RELAXED);
        prof_enter(&sites[1]);
        prof_record("rows", 1);
        prof_allocated(NULL, blocks_of_mine, 10);
        prof_sample(NULL, 0, 1, 1);
        prof_freed(blocks_of_mine);
        prof_exit(&sites[1]);
        prof_exit(&sites[0]);
    }
    return NULL;
}

/* A recording ends while other threads are in the middle of things. */
static void ending(void) {
    pthread_t running[THREADS];
    for (int i = 0; i < THREADS; i++) CHECK(!pthread_create(&running[i], NULL, spinning, NULL));
    for (int i = 0; i < 10; i++) {
        char path[32];
        snprintf(path, sizeof path, "%d.capture", i);
        prof_options options = PROF_OPTIONS;
        options.path = path;
        unsigned long before = __atomic_load_n(&recorded, __ATOMIC_RELAXED);
        CHECK(prof_start(&options) == PROF_OK);
        while (__atomic_load_n(&recorded, __ATOMIC_RELAXED) < before + 100) usleep(200);
        CHECK(prof_stop() == PROF_OK);
    }
    __atomic_store_n(&go_on, 0, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; i++) pthread_join(running[i], NULL);
    printf("%lu\n", recorded);
}

static void forking(void) {
    int status;
    start();
    CHECK(prof_enter(&sites[0]) == PROF_OK);
    pid_t child = fork();
    if (!child) {
        prof_options options = PROF_OPTIONS;
        options.path = "child.capture";
        CHECK(!prof_running() && prof_enter(&sites[1]) == PROF_OFF && prof_stop() == PROF_STATE);
        CHECK(prof_start(&options) == PROF_OK && prof_enter(&sites[1]) == PROF_OK && prof_exit(&sites[1]) == PROF_OK);
        CHECK(prof_exit(&sites[0]) == PROF_OK && prof_stop() == PROF_OK); /* that of the parent, which went on here */
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(prof_exit(&sites[0]) == PROF_OK && prof_stop() == PROF_OK);
    puts("a 1");
}

static void leaving(void) {
    start();
    CHECK(prof_enter(&sites[0]) == PROF_OK);
    puts("a 1"); /* and nobody stops */
}

/* Without a path: under the first name that is free, two in the same second, too. */
static void naming(void) {
    for (int i = 0; i < 3; i++) {
        CHECK(prof_start(NULL) == PROF_OK && prof_enter(&sites[0]) == PROF_OK && prof_stop() == PROF_OK);
        puts(prof_capture());
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"spans", spans},   {"threads", threads}, {"calls", calls},     {"samples", samples},
    {"blocks", blocks}, {"metrics", metrics}, {"misuse", misuse},   {"profilers", profilers},
    {"ending", ending}, {"forking", forking}, {"leaving", leaving}, {"naming", naming},
};

int main(int argc, char **argv) {
    CHECK(argc == 3 && !chdir(argv[2]));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(cases[i].name, argv[1])) continue;
        cases[i].run();
        return 0;
    }
    fprintf(stderr, "no case %s\n", argv[1]);
    return 2;
}
