// Spans of C++ end with their blocks, by an exception as well. `scopes FOLDER` says what it did.
#include <prof.h>
#include <cstdio>
#include <stdexcept>
#include <unistd.h>

static prof_site outer = PROF_SITE("outer"), inner = PROF_SECTION_SITE("db!inner");

static void work(int i) {
    prof_scope inside(&inner);
    if (i % 3 == 0) throw std::runtime_error("every third");
}

int main(int argc, char **argv) {
    prof_options options = PROF_OPTIONS;
    options.path = "test.capture";
    if (argc != 2 || chdir(argv[1]) != 0 || prof_start(&options) != PROF_OK) return 1;
    int caught = 0;
    for (int i = 0; i < 9; i++) {
        prof_scope around(&outer);
        try {
            work(i);
        } catch (const std::runtime_error &) { caught++; }
    }
    std::puts("outer 9\nouter;db!inner 9");
    prof_stats stats = PROF_STATS;
    return prof_stop() == PROF_OK && prof_get_stats(&stats) == PROF_OK && stats.dropped == 0 && stats.open == 0 && caught == 3 ? 0
                                                                                                                               : 1;
}
