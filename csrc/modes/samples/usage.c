#define _GNU_SOURCE
#include "usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/recording.h"

#define MOST_THREADS 64 /* with files of their own: six each */

static int metered;         /* threads that have them */
static int counters_failed; /* errno of the first attempt */
static int apart;           /* whether the sampling thread has descriptors of its own */

int prof_usage_apart(void) {
    const unsigned unshare = 2; /* CLOSE_RANGE_UNSHARE: in a table of the calling thread's own, which is then empty */
    return apart = !syscall(SYS_close_range, 0u, ~0u, unshare);
}

/* ---- files of /proc --------------------------------------------------------------------------------------------------------- */

static int open_file(uint64_t native_id, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%llu/%s", (unsigned long long)native_id, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void close_file(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static long read_file(int fd, char *text, size_t size) {
    long n = fd < 0 ? -1 : pread(fd, text, size - 1, 0);
    text[n > 0 ? n : 0] = 0;
    return n > 0 ? n : -1;
}

/* "rchar: 12\nwchar: 7\n…": the number behind a name, 0 when it is not there. */
static uint64_t number_of(const char *text, const char *name) {
    unsigned long long value = 0;
    const char *at = strstr(text, name);
    return at && sscanf(at + strlen(name), ": %llu", &value) == 1 ? value : 0;
}

static void parse_io(const char *text, prof_usage *u) {
    u->read_bytes = number_of(text, "rchar");
    u->written_bytes = number_of(text, "wchar");
    u->disk_read_bytes = number_of(text, "\nread_bytes");
    u->disk_written_bytes = number_of(text, "\nwrite_bytes");
}

/* ---- the processor's counters -------------------------------------------------------------------------------------------------- */

static int open_counter(uint64_t native_id, uint64_t what, int leader) {
    struct perf_event_attr a = {.type = PERF_TYPE_HARDWARE,
                                .size = sizeof a,
                                .config = what,
                                .exclude_kernel = 1,
                                .exclude_hv = 1,
                                .read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING};
    return (int)syscall(SYS_perf_event_open, &a, (pid_t)native_id, -1, leader, PERF_FLAG_FD_CLOEXEC);
}

static void open_counters(prof_meter *m, uint64_t native_id) {
    if (counters_failed) return;
    m->counters = open_counter(native_id, PERF_COUNT_HW_INSTRUCTIONS, -1);
    if (m->counters < 0) {
        if (errno != ESRCH) counters_failed = errno; /* and not that the thread has ended */
        return;
    }
    m->others[0] = open_counter(native_id, PERF_COUNT_HW_CPU_CYCLES, m->counters);
    m->others[1] = open_counter(native_id, PERF_COUNT_HW_CACHE_MISSES, m->counters);
}

static void read_counters(const prof_meter *m, prof_usage *u) {
    struct {
        uint64_t count, enabled, running, values[3];
    } group;
    if (m->counters < 0) return;
    if (read(m->counters, &group, sizeof group) < (long)(4 * sizeof(uint64_t)) || !group.running) return;
    /* Counters that take turns with others' ran for a part of the time. */
    double scale = (double)group.enabled / (double)group.running;
    uint64_t *to[] = {&u->instructions, m->others[0] >= 0 ? &u->cycles : &u->cache_misses, &u->cache_misses};
    for (uint64_t i = 0; i < group.count && i < 3; i++) *to[i] = (uint64_t)((double)group.values[i] * scale);
}

const char *prof_usage_why(void) {
    static char why[128];
    int level = -1;
    if (!counters_failed) return "";
    if (counters_failed == ENOENT || counters_failed == EOPNOTSUPP || counters_failed == ENODEV) {
        snprintf(why, sizeof why, "this machine has no hardware counters, or its hypervisor hides them");
    } else if (counters_failed == EACCES || counters_failed == EPERM) {
        FILE *f = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
        if (f && fscanf(f, "%d", &level) != 1) level = -1;
        if (f) fclose(f);
        snprintf(why, sizeof why, "the system forbids it (kernel.perf_event_paranoid is %d)", level);
    } else {
        snprintf(why, sizeof why, "perf_event_open: %s", strerror(counters_failed));
    }
    return why;
}

void prof_usage_reset(void) { counters_failed = metered = 0; }

/* ---- meters -------------------------------------------------------------------------------------------------------------------- */

static void read_sums(const prof_meter *m, prof_usage *u) {
    char text[512];
    unsigned long long ready = 0, times = 0;
    read_counters(m, u);
    if (read_file(m->files[PROF_METER_IO], text, sizeof text) > 0) parse_io(text, u);
    if (read_file(m->files[PROF_METER_SCHEDULE], text, sizeof text) > 0 && sscanf(text, "%*u %llu %llu", &ready, &times) == 2) {
        u->ready_ns = ready;
        u->switches = times;
    }
}

void prof_meter_open(prof_meter *m, uint64_t native_id) {
    static const char *const names[] = {"io", "schedstat", "syscall"};
    m->counters = m->others[0] = m->others[1] = -1;
    for (int i = 0; i < PROF_METER_FILES; i++) m->files[i] = -1;
    m->metered = apart && metered < MOST_THREADS;
    if (!m->metered) {
        prof_count(PROF_DROP_THREADS_UNMETERED, 1);
        return;
    }
    metered++;
    for (int i = 0; i < PROF_METER_FILES; i++) m->files[i] = open_file(native_id, names[i]);
    open_counters(m, native_id);
    read_sums(m, &m->last);
}

void prof_meter_close(prof_meter *m) {
    for (int i = 0; i < PROF_METER_FILES; i++) close_file(&m->files[i]);
    metered -= m->metered;
    for (int i = 0; i < 2; i++) close_file(&m->others[i]);
    close_file(&m->counters);
}

int prof_meter_read(prof_meter *m, prof_usage *since) {
    if (m->files[PROF_METER_IO] < 0 && m->files[PROF_METER_SCHEDULE] < 0 && m->counters < 0) return 0;
    prof_usage now = m->last;
    read_sums(m, &now);
    const uint64_t *a = &now.instructions, *b = &m->last.instructions;
    uint64_t *to = &since->instructions, any = 0;
    for (size_t i = 0; i < PROF_USAGE_FIGURES; i++) any |= to[i] = a[i] > b[i] ? a[i] - b[i] : 0;
    m->last = now;
    return any != 0;
}

long prof_meter_call(const prof_meter *m, char *text, size_t size) { return read_file(m->files[PROF_METER_CALL], text, size); }

/* ---- the process ---------------------------------------------------------------------------------------------------------------- */

/* How many bytes that took to read; -1 when it cannot be. */
static long read_io_of(const char *path, prof_usage *u) {
    char text[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (n <= 0) return -1;
    text[n] = 0;
    parse_io(text, u);
    return n;
}

static uint64_t microseconds(struct timeval t) { return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec; }

/* The process's sum without the thread's. The kernel divides the exact time of each into user and system by ticks that it counted
 * for each on its own: a part of the thread's may be more than that part of the whole. */
static uint64_t without(uint64_t process, uint64_t thread) { return process > thread ? process - thread : 0; }

void prof_usage_process(prof_process *p) {
    prof_usage all = {0}, own = {0};
    struct rusage process, thread;
    long just_read = read_io_of("/proc/thread-self/io", &own); /* is in the process's sum below, and not yet in its own */
    if (just_read > 0 && read_io_of("/proc/self/io", &all) > 0) {
        p->read_bytes = without(all.read_bytes, own.read_bytes + (uint64_t)just_read);
        p->written_bytes = without(all.written_bytes, own.written_bytes);
        p->disk_read_bytes = all.disk_read_bytes;
        p->disk_written_bytes = all.disk_written_bytes;
    }
    if (getrusage(RUSAGE_SELF, &process) || getrusage(RUSAGE_THREAD, &thread)) return;
    p->waits = without((uint64_t)process.ru_nvcsw, (uint64_t)thread.ru_nvcsw);
    p->preemptions = without((uint64_t)process.ru_nivcsw, (uint64_t)thread.ru_nivcsw);
    uint64_t user = microseconds(process.ru_utime), system = microseconds(process.ru_stime);
    uint64_t own_user = microseconds(thread.ru_utime), own_system = microseconds(thread.ru_stime);
    uint64_t both = without(user + system, own_user + own_system); /* exact */
    uint64_t in_kernel = without(system, own_system);
    p->system_ns = 1000 * (in_kernel < both ? in_kernel : both);
    p->user_ns = 1000 * both - p->system_ns;
}

/* The fields of a thread's /proc/…/stat behind its name; NULL when they cannot be read. */
static const char *stat_of(uint64_t native_id, char *text, size_t size) {
    int f = open_file(native_id, "stat");
    const char *name_end = read_file(f, text, size) > 0 ? strrchr(text, ')') : NULL;
    close_file(&f);
    return name_end && name_end[1] ? name_end + 2 : NULL;
}

/* 'R', 'S', 'Z' of one that has ended; 0 of one that is not there. */
static char state_of(uint64_t native_id) {
    char text[512];
    const char *fields = stat_of(native_id, text, sizeof text);
    return fields ? fields[0] : 0;
}

unsigned long prof_usage_threads(void) {
    char text[512];
    unsigned long threads = 0;
    const char *fields = stat_of((uint64_t)getpid(), text, sizeof text);
    /* The twentieth; the state is the third. */
    if (!fields || sscanf(fields, "%*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu", &threads) != 1)
        return 0;
    return threads;
}

int prof_usage_alone(void) {
    uint64_t first = (uint64_t)getpid(), own = (uint64_t)syscall(SYS_gettid);
    if (state_of(first) != 'Z') return 0;
    DIR *tasks = opendir("/proc/self/task");
    int alone = tasks != NULL;
    for (struct dirent *entry; alone && (entry = readdir(tasks));) {
        uint64_t id = strtoull(entry->d_name, NULL, 10);
        char state = id && id != first && id != own ? state_of(id) : 0;
        alone = !state || state == 'Z' || state == 'X';
    }
    if (tasks) closedir(tasks);
    return alone;
}
