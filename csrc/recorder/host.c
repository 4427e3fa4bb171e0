#define _GNU_SOURCE
#include "host.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "recorder.h"

/* A static program has none of these, and no other object either. */
#pragma weak dl_iterate_phdr
#pragma weak dlopen
#pragma weak dlsym
#pragma weak dlclose

prof_thread *(*prof_recorder_first)(void);
int (*prof_recorder_locked)(void);

typedef struct {
    char *text; /* Owned: names of objects, each with its NUL */
    size_t used, room;
} names;

/* Names only: the loader is locked meanwhile, and whoever opens an object here waits for a thread that waits for us. */
static int add_name(struct dl_phdr_info *info, size_t size, void *to) {
    (void)size;
    names *n = to;
    size_t length = strlen(info->dlpi_name) + 1;
    if (length == 1 && n->used) return 0; /* the program itself comes first; what else has no name cannot be asked for */
    if (n->used + length > n->room) {
        size_t room = (n->room ? n->room : 4096) * 2 + length;
        char *text = realloc(n->text, room);
        if (!text) return 1;
        n->text = text;
        n->room = room;
    }
    memcpy(n->text + n->used, info->dlpi_name, length);
    n->used += length;
    return 0;
}

void prof_loaded_each(const char *symbol, void (*found)(void *address)) {
    names all = {NULL, 0, 0};
    if (!dl_iterate_phdr || !dlopen || !dlsym || !dlclose) return;
    dl_iterate_phdr(add_name, &all);
    for (size_t at = 0; at < all.used; at += strlen(all.text + at) + 1) {
        void *object = dlopen(all.text[at] ? all.text + at : NULL, RTLD_LAZY | RTLD_NOLOAD);
        void *address = object ? dlsym(object, symbol) : NULL;
        if (address) found(address);
        if (object) dlclose(object);
    }
    free(all.text);
}

#if PROF_RECORDER_HOST

PROF_API const prof_recorder *prof_recorder_v1(void);
const prof_recorder *prof_recorder_v1(void) { return &prof_recorder_here; }

static void tell(void *client) { ((void (*)(const prof_recorder *))client)(&prof_recorder_here); }

void prof_recorder_publish(void) {
    prof_recorder_prepare();
    prof_loaded_each("prof_client_v1", tell);
}

#endif
