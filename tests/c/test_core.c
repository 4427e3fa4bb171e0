/* The pure-C half by itself: no Python in this process. `test_core CASE FOLDER` runs one case and exits with 0. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/session.h"
#include "read/read.h"
#include "modes/samples/sampler.h"
#include "core/labels.h"
#include "core/metrics.h"
#include "core/threads.h"
#include "modes/samples/usage.h"

static char path[4096];

#define CHECK(holds)                                                    \
    do {                                                                \
        if (!(holds)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
            exit(1);                                                    \
        }                                                               \
    } while (0)

static void start(const prof_config *config) {
    char why[512] = "";
    prof_config manual = config ? *config : (prof_config){0};
    manual.clock = PROF_CLOCK_MANUAL;
    unlink(path);
    prof_clock_set(0);
    int error = prof_open(path, &manual, why, sizeof why);
    if (error) fprintf(stderr, "prof_open: %s\n", why);
    CHECK(!error && prof_recording());
}

static uint64_t now;

static void tick(uint64_t ns) { prof_clock_set(now += ns); }

static prof_label *label(const char *name) { return prof_label_get(PROF_NATIVE, name, "test", "test.c", 1); }

/* What the capture says of one name: its sums over the tree of all threads. */
static prof_reader_sum sums_of(const char *name, uint64_t *drops) {
    char error[512] = "";
    prof_reader *reader = prof_reader_open(path, error, sizeof error);
    if (!reader) fprintf(stderr, "prof_reader_open: %s\n", error);
    CHECK(reader);
    const prof_reader_info *info = prof_reader_get(reader);
    prof_reader_tree *tree = prof_reader_tree_new(reader, PROF_READER_ALL_THREADS, error, sizeof error);
    CHECK(tree);
    prof_reader_sum *sums = calloc(info->label_count + 1, sizeof *sums), found = {0};
    CHECK(sums && !prof_reader_sum_labels(tree, sums));
    for (uint64_t i = 0; i < info->label_count; i++)
        if (!strcmp(info->labels[i].name.text, name)) found = sums[i];
    if (drops) memcpy(drops, info->drops, sizeof info->drops);
    free(sums);
    prof_reader_tree_free(tree);
    prof_reader_close(reader);
    return found;
}

static void spans(void) {
    uint64_t drops[32];
    start(NULL);
    prof_label *outer = label("outer"), *inner = label("inner");
    CHECK(outer == label("outer") && outer != inner);
    for (int i = 0; i < 3; i++) {
        prof_begin(outer);
        tick(1);
        prof_begin(inner);
        tick(10);
        CHECK(prof_stack_depth() == 2 && !strcmp(prof_stack_name(2), "inner"));
        prof_end(inner);
        tick(100);
        prof_end(outer);
    }
    prof_end(inner); /* not open: counted */
    prof_begin(outer);
    prof_begin(inner);
    prof_end(outer);   /* heals */
    prof_begin(outer); /* open at the end */
    CHECK(!prof_set_meta("{\"name\": \"c\"}", 13));
    prof_close();
    prof_close();
    CHECK(!prof_recording());
    prof_begin(outer); /* nothing records */
    prof_end(outer);
    prof_reader_sum o = sums_of("outer", drops), i = sums_of("inner", NULL);
    CHECK(o.calls == 5 && o.self_ns == 303 && o.total_ns == 333);
    CHECK(i.calls == 4 && i.self_ns == 30);
    CHECK(drops[PROF_DROP_HEALED] == 1 && drops[PROF_DROP_UNMATCHED_LEAVE] == 1 && drops[PROF_DROP_OPEN_AT_END] == 1);
}

static void labels(void) {
    char name[64];
    start(NULL);
    prof_label *first[5000];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "label %d", i);
        CHECK((first[i] = label(name)));
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "label %d", i);
        CHECK(label(name) == first[i]);
    }
    CHECK(prof_label_get(PROF_NATIVE, "label 1", "test", "test.c", 2) != first[1]);
    CHECK(prof_label_get(PROF_SECTION, "label 1", "test", "test.c", 1) != first[1]);
    CHECK(prof_label_get(PROF_NATIVE, "", NULL, NULL, 0));
    prof_close();
    CHECK(!label("none"));
}

/* More children than a list is searched for, at several nodes at once. */
static void children(void) {
    char name[64];
    start(NULL);
    for (int round = 0; round < 2; round++)
        for (int parent = 0; parent < 20; parent++) {
            snprintf(name, sizeof name, "parent %d", parent);
            prof_label *p = label(name);
            prof_begin(p);
            for (int child = 0; child < 300; child++) {
                snprintf(name, sizeof name, "child %d", child);
                prof_label *c = label(name);
                prof_begin(c);
                tick(1);
                prof_end(c);
            }
            prof_end(p);
        }
    prof_close();
    for (int child = 0; child < 300; child += 7) {
        snprintf(name, sizeof name, "child %d", child);
        prof_reader_sum sum = sums_of(name, NULL);
        CHECK(sum.calls == 40 && sum.self_ns == 40 && sum.contexts == 20);
    }
    CHECK(sums_of("parent 3", NULL).contexts == 1);
}

static void folding(void) {
    uint64_t drops[32];
    prof_config config = {.depth = 10};
    start(&config);
    prof_label *f = label("f"), *g = label("g");
    for (int i = 0; i < 100000; i++) prof_begin(i % 2 ? f : g);
    tick(5);
    for (int i = 100000; i-- > 0;) prof_end(i % 2 ? f : g);
    CHECK(prof_stack_depth() == 0);
    prof_close();
    prof_reader_sum sum = sums_of("f", drops);
    CHECK(sum.calls == 50000 && sum.total_ns == 5 && sum.contexts == 5);
    /* Every second one folds into the last but one node, from where the next finds the last. */
    CHECK(drops[PROF_DROP_FOLDED_DEPTH] == (100000 - 10) / 2 && drops[PROF_DROP_OPEN_AT_END] == 0);

    config = (prof_config){.max_nodes = 50};
    start(&config);
    char name[64];
    prof_label *top = label("top");
    prof_begin(top);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "leaf %d", i);
        prof_label *leaf = label(name);
        prof_begin(leaf);
        tick(1);
        prof_end(leaf);
    }
    prof_end(top);
    prof_close();
    /* What has no ancestor of its name goes below the root: its own counts and times stay right. */
    sum = sums_of("leaf 499", drops);
    CHECK(sum.calls == 1 && sum.self_ns == 1 && drops[PROF_DROP_FOLDED_SIZE] > 400);
    CHECK(sums_of("top", NULL).calls == 1);
}

enum { THREADS = 8, ROUNDS = 2000 };
static pthread_barrier_t barrier;

static void *work(void *argument) {
    prof_label *shared = label("shared"), *own = label(argument);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++) {
        prof_begin(shared);
        prof_begin(own);
        prof_end(own);
        prof_end(shared);
    }
    if (!strcmp(argument, "own 0")) prof_begin(shared); /* left open by a thread that ends */
    prof_name_thread(argument);
    return NULL;
}

static void threads(void) {
    pthread_t each[THREADS];
    char names[THREADS][16], error[512];
    uint64_t drops[32];
    start(NULL);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        snprintf(names[i], sizeof names[i], "own %d", i);
        CHECK(!pthread_create(&each[i], NULL, work, names[i]));
    }
    for (int i = 0; i < THREADS; i++) pthread_join(each[i], NULL);
    prof_close();
    prof_reader_sum sum = sums_of("shared", drops);
    CHECK(sum.calls == THREADS * ROUNDS + 1);
    CHECK(sums_of("own 3", NULL).calls == ROUNDS);
    CHECK(drops[PROF_DROP_OPEN_AT_END] == 1);
    prof_reader *reader = prof_reader_open(path, error, sizeof error);
    CHECK(reader && prof_reader_get(reader)->thread_count == THREADS + 1);
    prof_reader_close(reader);
}

/* Spans of a thread: how many there are, and how many are missing. Each that contains others comes before them. */
static void count_spans(uint64_t *kept, uint64_t *missing, uint64_t *open) {
    char error[512] = "";
    prof_reader *reader = prof_reader_open(path, error, sizeof error);
    if (!reader) fprintf(stderr, "prof_reader_open: %s\n", error);
    CHECK(reader);
    prof_reader_events *events = prof_reader_events_new(reader, error, sizeof error);
    if (!events) fprintf(stderr, "prof_reader_events_new: %s\n", error);
    CHECK(events);
    *kept = *missing = *open = 0;
    for (uint64_t t = 0; t < events->track_count; t++) {
        const prof_reader_track *track = &events->tracks[t];
        *kept += track->count;
        *open += track->open_count;
        for (uint32_t i = 0; i < track->missing_count; i++) *missing += track->missing[i].count;
        for (uint64_t i = 1; i < track->count; i++)
            CHECK(track->start_ns[i] >= track->start_ns[i - 1] && track->depth[i] <= track->depth[i - 1] + 1);
    }
    prof_reader_events_free(events);
    prof_reader_close(reader);
}

static volatile int working;

static void *work_and_say(void *argument) {
    work(argument);
    __atomic_fetch_sub(&working, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Threads that set down more spans than there is room for, while somebody reads the file. */
static void timeline_of(int last, uint64_t room) {
    pthread_t each[THREADS];
    char names[THREADS][16], why[512] = "";
    uint64_t kept, missing, open;
    prof_config config = {.clock = PROF_CLOCK_MONOTONIC, .trace_bytes = room, .trace_last = (uint32_t)last};
    unlink(path);
    CHECK(!prof_open(path, &config, why, sizeof why));
    pthread_barrier_init(&barrier, NULL, THREADS);
    working = THREADS;
    for (int i = 0; i < THREADS; i++) {
        snprintf(names[i], sizeof names[i], "own %d", i);
        CHECK(!pthread_create(&each[i], NULL, work_and_say, names[i]));
    }
    while (__atomic_load_n(&working, __ATOMIC_ACQUIRE)) count_spans(&kept, &missing, &open);
    for (int i = 0; i < THREADS; i++) pthread_join(each[i], NULL);
    prof_close();
    count_spans(&kept, &missing, &open);
    CHECK(kept + missing == 2 * THREADS * ROUNDS + 1 && open == 1);
    CHECK(room > 1 << 20 ? !missing : missing > 0 && kept * 12 < room + (uint64_t)(THREADS << 10));
}

static void timeline(void) {
    timeline_of(1, 64 << 10);
    timeline_of(0, 64 << 10);
    timeline_of(0, 64 << 20);
}

/* Threads that come, work and go while recordings begin and end around them, one after the other. */
static void reopen(void) {
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        char name[16];
        start(NULL);
        snprintf(name, sizeof name, "own %d", i + 1);
        pthread_barrier_init(&barrier, NULL, 1);
        CHECK(!pthread_create(&thread, NULL, work, name));
        pthread_join(thread, NULL);
        prof_label *f = label("f");
        prof_begin(f);
        prof_end(f);
        prof_close();
        CHECK(sums_of("f", NULL).calls == 1 && sums_of("shared", NULL).calls == ROUNDS);
    }
    char why[512] = "";
    start(NULL);
    CHECK(prof_open(path, NULL, why, sizeof why) && strstr(why, "already recording"));
    prof_close();
    CHECK(prof_open(path, NULL, why, sizeof why) && strstr(why, "cannot write")); /* exists */
    CHECK(prof_open("/nonexistent/x.capture", NULL, why, sizeof why) && strstr(why, "/nonexistent/x.capture"));
    CHECK(!prof_recording());
}

static void full(void) {
    uint64_t drops[32];
    struct rlimit limit = {3 << 20, 3 << 20};
    signal(SIGXFSZ, SIG_IGN);
    CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
    start(NULL);
    char name[64];
    prof_label *f = label("f");
    uint64_t made = 0;
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "label %d", i);
        prof_label *l = label(name);
        prof_begin(f);
        if (l) {
            made++;
            prof_begin(l);
            tick(1);
            prof_end(l);
        }
        prof_end(f);
    }
    CHECK(made > 500 && made < 20000);
    prof_close();
    prof_reader_sum sum = sums_of("f", drops);
    CHECK(sum.calls >= 20000 && sum.total_ns == made); /* what has no node of its own counts as its caller's */
    CHECK(drops[PROF_DROP_HEALED] == 0 && drops[PROF_DROP_UNMATCHED_LEAVE] == 0);

    limit.rlim_cur = 1000;
    CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
    char why[512] = "";
    unlink(path);
    CHECK(prof_open(path, NULL, why, sizeof why) && strstr(why, "cannot write"));
    CHECK(access(path, F_OK));
}

/* The child lets go of the parent's capture, and goes on in its own with what was open. */
static void forks(void) {
    start(NULL);
    prof_label *outer = label("outer"), *inner = label("inner");
    prof_begin(outer);
    prof_begin(inner);
    pid_t child = fork();
    CHECK(child >= 0);
    if (!child) {
        CHECK(!prof_recording());
        prof_end(inner);
        strncat(path, ".child", sizeof path - strlen(path) - 1);
        start(NULL);
        CHECK(prof_stack_depth() == 2 && !strcmp(prof_stack_name(1), "outer") && !strcmp(prof_stack_name(2), "inner"));
        tick(7);
        prof_end(label("inner"));
        tick(1);
        prof_end(label("outer"));
        prof_close();
        prof_reader_sum sum = sums_of("outer", NULL);
        CHECK(sum.calls == 0 && sum.total_ns == 8 && sum.self_ns == 1);
        CHECK(sums_of("inner", NULL).self_ns == 7);
        exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    tick(3);
    prof_end(inner);
    prof_end(outer);
    prof_close();
    uint64_t drops[32];
    prof_reader_sum sum = sums_of("inner", drops);
    CHECK(sum.calls == 1 && sum.self_ns == 3);
    for (int i = 0; i < PROF_DROP_COUNT; i++) CHECK(drops[i] == 0);
}

/* A process that is killed leaves what had been completed. */
static void killed(void) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (!child) {
        start(NULL);
        prof_label *f = label("f");
        for (int i = 0; i < 100; i++) {
            prof_begin(f);
            tick(2);
            prof_end(f);
        }
        prof_begin(f);
        raise(SIGKILL);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    prof_reader_sum sum = sums_of("f", NULL);
    CHECK(sum.calls >= 100 && sum.self_ns == 200);
}

static uint64_t stranger; /* kernel id of a thread that the interpreter is said to have */
static const prof_thread_record *first_record;

static int changed(void) { return 1; }
static size_t strangers(prof_remote_thread *found, size_t room) {
    CHECK(room);
    found[0] = (prof_remote_thread){.native_id = __atomic_load_n(&stranger, __ATOMIC_ACQUIRE)};
    return found[0].native_id != 0;
}
static int no_stack(prof_remote_thread *t, const prof_boundary *boundary, prof_remote_stack *stack) {
    return -(t && boundary && stack);
}
static int never_holds(const prof_remote_thread *t) { return !t; }
static int no_lock(uintptr_t address) { return !address; }
static void nothing(void) {}
static const prof_walker walker = {changed, strangers, no_stack, never_holds, no_lock, nothing};

/* Waits until the sampler has made it a state, and ends as soon as it can with that as its own. */
static void *short_lived(void *each) {
    const prof_thread_record *record = first_record + (size_t)each;
    uint64_t native_id = (uint64_t)syscall(SYS_gettid);
    __atomic_store_n(&stranger, native_id, __ATOMIC_RELEASE);
    for (int i = 0; i < 100000 && __atomic_load_n(&record->native_id, __ATOMIC_RELAXED) != native_id; i++) {}
    CHECK(prof_thread_enter()); /* as its first span would */
    return NULL;
}

/* A thread may end between two looks of the sampler's, who has just made a state for it. */
static void adopted(void) {
    start(NULL);
    first_record = prof_current->record + 1;
    CHECK(!prof_sampler_start(20000, &walker, ""));
    for (size_t i = 0; i < 100; i++) {
        pthread_t thread;
        CHECK(!pthread_create(&thread, NULL, short_lived, (void *)i));
        CHECK(!pthread_join(thread, NULL));
    }
    prof_close();
}

static void *meters(void *barriers) {
    pthread_barrier_t *each = barriers;
    prof_meter meter;
    prof_usage_apart();
    prof_meter_open(&meter, (uint64_t)getpid());
    pthread_barrier_wait(&each[0]);
    pthread_barrier_wait(&each[1]);
    prof_meter_close(&meter);
    return NULL;
}

/* What the sampling thread has open is not among the program's descriptors: those that follow get the numbers they would. */
static void counters(void) {
    pthread_barrier_t barriers[2];
    pthread_t thread;
    int before = dup(STDOUT_FILENO);
    close(before);
    for (int i = 0; i < 2; i++) CHECK(!pthread_barrier_init(&barriers[i], NULL, 2));
    CHECK(!pthread_create(&thread, NULL, meters, barriers));
    pthread_barrier_wait(&barriers[0]);
    int beside = dup(STDOUT_FILENO);
    CHECK(beside == before);
    close(beside);
    pthread_barrier_wait(&barriers[1]);
    CHECK(!pthread_join(thread, NULL));
    for (int i = 0; i < 2; i++) CHECK(!pthread_barrier_destroy(&barriers[i]));
}

static void *hold_threads(void *barriers) {
    pthread_barrier_t *each = barriers;
    prof_threads_lock();
    pthread_barrier_wait(&each[0]);
    pthread_barrier_wait(&each[1]);
    prof_threads_unlock();
    return NULL;
}

/* Another thread is beginning or ending while one forks: what it has locked stays so in the child. */
static void forks_sampled(void) {
    pthread_barrier_t barriers[2];
    pthread_t holder;
    int status = 1, sampled = 0;
    pid_t ended = 0;
    start(NULL);
    CHECK(!prof_sampler_start(300000000, NULL, ""));
    while (!sampled) {
        usleep(1000);
        prof_threads_lock();
        sampled = prof_threads_first()->watched != NULL;
        prof_threads_unlock();
    }
    for (int i = 0; i < 2; i++) pthread_barrier_init(&barriers[i], NULL, 2);
    CHECK(!pthread_create(&holder, NULL, hold_threads, barriers));
    pthread_barrier_wait(&barriers[0]);
    pid_t child = fork();
    CHECK(child >= 0);
    if (!child) _exit(prof_recording());
    pthread_barrier_wait(&barriers[1]);
    for (int i = 0; i < 2000 && !(ended = waitpid(child, &status, WNOHANG)); i++) usleep(10000);
    if (!ended) kill(child, SIGKILL);
    CHECK(ended == child && status == 0);
    CHECK(!pthread_join(holder, NULL));
    prof_close();
}

static void clocks(void) {
    char why[512];
    for (uint32_t kind = 0; kind <= PROF_CLOCK_CPU; kind++) {
        prof_config config = {.clock = kind};
        unlink(path);
        CHECK(!prof_open(path, &config, why, sizeof why));
        prof_label *f = label("f");
        uint64_t before = prof_now_ticks();
        for (int i = 0; i < 1000; i++) {
            prof_begin(f);
            prof_end(f);
        }
        CHECK(prof_now_ticks() > before);
        prof_heartbeat();
        prof_own_begin();
        prof_own_end();
        prof_close();
        CHECK(sums_of("f", NULL).calls == 1000);
    }
    for (uint32_t i = 0; i < PROF_DROP_COUNT; i++) CHECK(*prof_drop_text(i, 0) && *prof_drop_text(i, 1));
    CHECK(!prof_drop_text(PROF_DROP_COUNT, 1));
}

#define VALUES 5000

/* Says `VALUES` values in a span of its own thread. */
static void *say(void *nothing) {
    (void)nothing;
    prof_ref rows = prof_string_ref("rows"), share = prof_string_ref("share");
    prof_label *f = label("f");
    for (int i = 0; i < VALUES; i++) {
        prof_begin(f);
        prof_thread *t = prof_thread_current();
        CHECK(!prof_metric_add(t, t->top->node, rows, INT64_MAX - i));
        CHECK(!prof_metric_add_real(t, t->top->node, share, 0.1));
        prof_end(f);
    }
    return NULL;
}

static void metrics(void) {
    pthread_t other;
    start(NULL);
    CHECK(!pthread_create(&other, NULL, say, NULL));
    say(NULL);
    CHECK(!pthread_join(other, NULL));
    prof_thread *t = prof_thread_current();
    CHECK(prof_metric_add_real(t, t->base->node, prof_string_ref("x"), 0.0 / 0.0) == -1);
    prof_close();
    char error[512] = "";
    prof_reader *reader = prof_reader_open(path, error, sizeof error);
    CHECK(reader);
    const prof_reader_info *info = prof_reader_get(reader);
    CHECK(info->metric_count == 4 && info->drops[PROF_DROP_METRICS_LOST] == 1);
    __int128 sum = 0, expected = 2 * ((__int128)VALUES * INT64_MAX - (__int128)VALUES * (VALUES - 1) / 2);
    for (uint64_t i = 0; i < 4; i++) {
        const prof_reader_metric *m = &info->metrics[i];
        CHECK(m->count == VALUES && !strcmp(info->labels[m->label].name.text, "f"));
        if (m->real) CHECK(m->real_sum > VALUES * 0.1 - 1e-9 && m->real_sum < VALUES * 0.1 + 1e-9);
        else {
            CHECK(m->least == INT64_MAX - VALUES + 1 && m->most == INT64_MAX);
            sum += ((__int128)m->high << 64) + m->low;
        }
    }
    CHECK(sum == expected);
    prof_reader_close(reader);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {{"spans", spans},       {"labels", labels},   {"children", children}, {"folding", folding},
                 {"threads", threads},   {"reopen", reopen},   {"full", full},         {"forks", forks},
                 {"killed", killed},     {"clocks", clocks},   {"adopted", adopted},   {"forks_sampled", forks_sampled},
                 {"counters", counters}, {"metrics", metrics}, {"timeline", timeline}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (argc != 3 || strcmp(argv[1], cases[i].name)) continue;
        snprintf(path, sizeof path, "%s/%s.capture", argv[2], argv[1]);
        cases[i].run();
        return 0;
    }
    fprintf(stderr, "usage: test_core CASE FOLDER\n");
    return 2;
}
