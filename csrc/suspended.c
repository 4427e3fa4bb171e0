#include "suspended.h"

#include <stdlib.h>

#include "prof.h"

static prof_suspended *slots; /* Owned */
static size_t mask;           /* slots - 1 */
size_t prof_suspended_used;

size_t prof_suspended_count(void) { return prof_suspended_used; }

static size_t home(const void *owner, size_t m) {
    return (size_t)(((uint64_t)(uintptr_t)owner >> 4) * 0x9e3779b97f4a7c15u >> 32) & m;
}

static int grow(void) {
    size_t size = slots ? (mask + 1) * 2 : 256;
    prof_suspended *bigger = calloc(size, sizeof *bigger);
    if (!bigger) return -1;
    for (size_t i = 0; slots && i <= mask; i++) {
        if (!slots[i].owner) continue;
        size_t k = home(slots[i].owner, size - 1);
        while (bigger[k].owner) k = (k + 1) & (size - 1);
        bigger[k] = slots[i];
    }
    free(slots);
    slots = bigger;
    mask = size - 1;
    return 0;
}

int prof_suspended_put(const prof_suspended *entry) {
    if ((!slots || (prof_suspended_used + 1) * 2 > mask) && grow()) return -1;
    size_t k = home(entry->owner, mask);
    while (slots[k].owner && slots[k].owner != entry->owner) k = (k + 1) & mask;
    if (slots[k].owner)
        free(slots[k].sections); /* an abandoned generator lay at this address */
    else
        prof_suspended_used++;
    slots[k] = *entry;
    return 0;
}

int prof_suspended_take(void *owner, prof_suspended *entry) {
    if (!prof_suspended_used) return 0;
    size_t k = home(owner, mask);
    while (slots[k].owner && slots[k].owner != owner) k = (k + 1) & mask;
    if (!slots[k].owner) return 0;
    *entry = slots[k];
    prof_suspended_used--;
    /* Close the gap, so that what collided with it is still found. */
    for (size_t hole = k, i = (k + 1) & mask; ; i = (i + 1) & mask) {
        if (!slots[i].owner) {
            slots[hole].owner = NULL;
            return 1;
        }
        if (((i - home(slots[i].owner, mask)) & mask) >= ((i - hole) & mask)) {
            slots[hole] = slots[i];
            hole = i;
        }
    }
}

void prof_suspended_translate(prof_label *(*translate)(prof_label *)) {
    for (size_t i = 0; slots && i <= mask; i++)
        for (uint32_t s = 0; slots[i].owner && s < slots[i].section_count; s++)
            slots[i].sections[s].label = translate(slots[i].sections[s].label);
}

void prof_suspended_clear(void) {
    for (size_t i = 0; slots && i <= mask; i++) free(slots[i].owner ? slots[i].sections : NULL);
    free(slots);
    slots = NULL;
    mask = prof_suspended_used = 0;
}
