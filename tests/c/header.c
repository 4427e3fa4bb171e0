/* The header by itself, as old and as strict a compiler as there is may see it. */
#include <prof.h>

static prof_site here = PROF_SITE("here");
static prof_site part = PROF_SECTION_SITE("part");
static prof_site known = PROF_SITE_OF(PROF_KIND_FUNCTION, "known", "module");

int use(void);
int use(void) {
    prof_options options = PROF_OPTIONS;
    prof_stats stats = PROF_STATS;
    options.cpu = 1;
    if (prof_start(&options) != PROF_OK || prof_get_stats(&stats) != PROF_OK) return 1;
    return prof_enter(&here) + prof_enter(&part) + prof_exit(&part) + prof_enter(&known) + prof_exit(&here) + prof_stop();
}
