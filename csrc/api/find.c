/* Finds the copy of the core that records Python in this process. It may be loaded before this library, which then looks for it, or
 * after, and then it looks for us. Nothing needs Python, and nothing is looked for while the program records. */
#include "api.h"
#include "recorder/host.h"

const prof_recorder *prof_api_to = &prof_recorder_here;
static const prof_recorder *host;
static int own; /* this copy records */

static void set(const prof_recorder *to) { __atomic_store_n(&prof_api_to, to, __ATOMIC_RELEASE); }

const prof_recorder *prof_api_host(void) { return __atomic_load_n(&host, __ATOMIC_ACQUIRE); }

void prof_api_choose(int records) {
    own = records;
    set(own || !prof_api_host() ? &prof_recorder_here : prof_api_host());
}

/* `prof._core` calls it in every object that has it. */
PROF_API void prof_client_v1(const prof_recorder *recorder);
void prof_client_v1(const prof_recorder *recorder) {
    if (recorder->abi != PROF_ABI || recorder->size < sizeof *recorder || recorder == &prof_recorder_here) return;
    __atomic_store_n(&host, recorder, __ATOMIC_RELEASE);
    if (!own) set(recorder);
}

static void found(void *address) {
    const prof_recorder *(*recorder)(void) = (const prof_recorder *(*)(void))address;
    prof_client_v1(recorder());
}

static __attribute__((constructor)) void look(void) { prof_loaded_each("prof_recorder_v1", found); }
