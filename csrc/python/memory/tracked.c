#define _GNU_SOURCE
#include "tracked.h"

#include "python/version/version.h"
#include "core/busy.h"

#if PROF_PY_VALIDATED && defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __x86_64__
#define JUMP_SLOT R_X86_64_JUMP_SLOT
#define GLOB_DAT R_X86_64_GLOB_DAT
#else
#define JUMP_SLOT R_AARCH64_JUMP_SLOT
#define GLOB_DAT R_AARCH64_GLOB_DAT
#endif

/* Blocks of this domain come from CPython's allocators, whose hooks count them. numpy 2.5 takes a block out of it that it
 * moves to its own domain: to us that is still the same block. */
#define DOMAIN_OF_CPYTHON 0

static int track(unsigned int domain, uintptr_t block, size_t bytes) {
    prof_busy.nested++; /* what tracemalloc needs for its books */
    int result = PyTraceMalloc_Track(domain, block, bytes);
    prof_busy.nested--;
    prof_py_tracked((void *)block, bytes);
    return result;
}

static int untrack(unsigned int domain, uintptr_t block) {
    if (domain != DOMAIN_OF_CPYTHON) prof_py_untracked((void *)block);
    return PyTraceMalloc_Untrack(domain, block);
}

static const struct {
    const char *name;
    void *original, *ours;
} calls[] = {
    {"PyTraceMalloc_Track", (void *)PyTraceMalloc_Track, (void *)track},
    {"PyTraceMalloc_Untrack", (void *)PyTraceMalloc_Untrack, (void *)untrack},
};

/* ---- the slots --------------------------------------------------------------------------------------------------------- */

/* A walk over the loaded objects. */
typedef struct {
    int taking;                    /* 1: put ours in; 0: put the originals back */
    unsigned long long adds, subs; /* how many objects were ever loaded and unloaded */
    size_t index, from;            /* of this object; of the first one to look at */
} walk;

static unsigned long long seen_adds, seen_subs; /* of the last walk that took */
static size_t seen_objects;

/* Where what a dynamic entry points to lies: glibc has added the base, others and the kernel's own object have not. */
static void *at(const struct dl_phdr_info *object, ElfW(Addr) address) {
    return (void *)(address < object->dlpi_addr ? object->dlpi_addr + address : address);
}

/* Whether the slot was made read-only once the object was linked. */
static int sealed(const struct dl_phdr_info *object, const void *slot) {
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &object->dlpi_phdr[i];
        if (p->p_type == PT_GNU_RELRO && (uintptr_t)slot - (object->dlpi_addr + p->p_vaddr) < p->p_memsz) return 1;
    }
    return 0;
}

static void set(const struct dl_phdr_info *object, void **slot, void *value) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *start = (void *)((uintptr_t)slot & ~(page - 1));
    int seal = sealed(object, slot);
    if (seal && mprotect(start, page, PROT_READ | PROT_WRITE)) return;
    __atomic_store_n(slot, value, __ATOMIC_RELEASE); /* other threads may be calling through it */
    if (seal) mprotect(start, page, PROT_READ);
}

static void set_all(const walk *w, const struct dl_phdr_info *object, const ElfW(Rela) *r, size_t bytes, const ElfW(Sym) *symbols,
                    const char *names) {
    for (const ElfW(Rela) *end = r + bytes / sizeof *r; r < end; r++) {
        unsigned long type = ELF64_R_TYPE(r->r_info);
        if (type != JUMP_SLOT && type != GLOB_DAT) continue;
        const char *name = names + symbols[ELF64_R_SYM(r->r_info)].st_name;
        if (name[0] != 'P' || name[1] != 'y') continue;
        for (size_t k = 0; k < sizeof calls / sizeof *calls; k++) {
            void **slot = (void **)(object->dlpi_addr + r->r_offset);
            if (strcmp(name, calls[k].name)) continue;
            if (w->taking) set(object, slot, calls[k].ours);
            else if (*slot == calls[k].ours) set(object, slot, calls[k].original);
        }
    }
}

static int visit(struct dl_phdr_info *object, size_t size, void *context) {
    walk *w = context;
    const ElfW(Dyn) *d = NULL;
    size_t bytes = 0, plt_bytes = 0;
    ElfW(Addr) relocations = 0, plt = 0, symbols = 0, names = 0;
    if (w->index++ < w->from) return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &object->dlpi_phdr[i];
        ElfW(Addr) begin = object->dlpi_addr + p->p_vaddr;
        if (p->p_type == PT_LOAD && (uintptr_t)calls - begin < p->p_memsz) return 0; /* ourselves */
        if (p->p_type == PT_DYNAMIC) d = (const void *)begin;
    }
    for (; d && d->d_tag != DT_NULL; d++) {
        switch (d->d_tag) {
        case DT_RELA: relocations = d->d_un.d_ptr; break;
        case DT_RELASZ: bytes = d->d_un.d_val; break;
        case DT_JMPREL: plt = d->d_un.d_ptr; break;
        case DT_PLTRELSZ: plt_bytes = d->d_un.d_val; break;
        case DT_SYMTAB: symbols = d->d_un.d_ptr; break;
        case DT_STRTAB: names = d->d_un.d_ptr; break;
        }
    }
    if (!symbols || !names) return 0;
    if (relocations) set_all(w, object, at(object, relocations), bytes, at(object, symbols), at(object, names));
    if (plt) set_all(w, object, at(object, plt), plt_bytes, at(object, symbols), at(object, names));
    return 0;
}

/* Reads the counters off the first object, and goes no further. */
static int count(struct dl_phdr_info *object, size_t size, void *context) {
    walk *w = context;
    w->adds = object->dlpi_adds;
    w->subs = object->dlpi_subs;
    return 1;
}

static void take(int all) {
    walk w = {.taking = 1};
    dl_iterate_phdr(count, &w);
    if (!all && w.adds == seen_adds) return;
    if (!all && w.subs == seen_subs) w.from = seen_objects; /* later ones come last */
    dl_iterate_phdr(visit, &w);
    seen_adds = w.adds; /* of before: what came meanwhile is looked at next time */
    seen_subs = w.subs;
    seen_objects = (size_t)(w.adds - w.subs) < w.index ? (size_t)(w.adds - w.subs) : w.index;
}

void prof_tracked_start(void) { take(1); }
void prof_tracked_look(void) { take(0); }

void prof_tracked_stop(void) {
    walk w = {.taking = 0};
    dl_iterate_phdr(visit, &w);
}

#else

void prof_tracked_start(void) {}
void prof_tracked_look(void) {}
void prof_tracked_stop(void) {}

#endif
