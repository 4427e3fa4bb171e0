#include "suspended.h"

#include <stdlib.h>
#include <string.h>

#include "durations.h"
#include "session.h"

prof_suspended prof_recent[PROF_RECENT];
uint32_t prof_recent_count;

static prof_suspended *slots; /* Owned: an open-addressing table by owner */
static size_t mask;           /* slots - 1 */
size_t prof_suspended_used;

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

/* Without memory the entry is lost: the generator's time goes on, only that it was paused is not known. */
static void table_put(const prof_suspended *entry) {
    if ((!slots || (prof_suspended_used + 1) * 2 > mask) && grow()) {
        free(entry->sections);
        return;
    }
    size_t k = home(entry->owner, mask);
    while (slots[k].owner && slots[k].owner != entry->owner) k = (k + 1) & mask;
    if (slots[k].owner) free(slots[k].sections); /* an abandoned generator lay at this address */
    else prof_suspended_used++;
    slots[k] = *entry;
}

void prof_suspended_spill(void) {
    const uint32_t half = PROF_RECENT / 2;
    for (uint32_t i = 0; i < half; i++) table_put(&prof_recent[i]);
    memmove(prof_recent, prof_recent + half, (prof_recent_count - half) * sizeof *prof_recent);
    prof_recent_count -= half;
}

static int table_take(void *owner, prof_suspended *entry) {
    if (!prof_suspended_used) return 0;
    size_t k = home(owner, mask);
    while (slots[k].owner && slots[k].owner != owner) k = (k + 1) & mask;
    if (!slots[k].owner) return 0;
    *entry = slots[k];
    prof_suspended_used--;
    /* Close the gap, so that what collided with it is still found. */
    for (size_t hole = k, i = (k + 1) & mask;; i = (i + 1) & mask) {
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

const prof_suspended *prof_suspended_search(void *owner) {
    static prof_suspended taken;
    for (uint32_t i = prof_recent_count; i-- > 0;) {
        if (prof_recent[i].owner != owner) continue;
        taken = prof_recent[i];
        memmove(prof_recent + i, prof_recent + i + 1, (--prof_recent_count - i) * sizeof *prof_recent);
        return &taken;
    }
    return table_take(owner, &taken) ? &taken : NULL;
}

static void translate_entry(prof_suspended *entry, prof_label *(*translate)(prof_label *)) {
    for (uint32_t s = 0; s < entry->section_count; s++) entry->sections[s].label = translate(entry->sections[s].label);
    entry->wait = NULL; /* the parent's */
}

void prof_suspended_translate(prof_label *(*translate)(prof_label *)) {
    for (uint32_t i = 0; i < prof_recent_count; i++) translate_entry(&prof_recent[i], translate);
    for (size_t i = 0; slots && i <= mask; i++)
        if (slots[i].owner) translate_entry(&slots[i], translate);
}

static void end_wait(prof_suspended *entry, uint64_t now) {
    if (!entry->wait) return;
    entry->wait->open++;
    prof_durations_add(&entry->wait->waits, now - entry->since);
    entry->wait = NULL;
}

void prof_suspended_end(uint64_t now) {
    for (uint32_t i = 0; i < prof_recent_count; i++) end_wait(&prof_recent[i], now);
    for (size_t i = 0; slots && i <= mask; i++)
        if (slots[i].owner) end_wait(&slots[i], now);
}

void prof_suspended_clear(void) {
    for (uint32_t i = 0; i < prof_recent_count; i++) free(prof_recent[i].sections);
    for (size_t i = 0; slots && i <= mask; i++) free(slots[i].owner ? slots[i].sections : NULL);
    free(slots);
    slots = NULL;
    mask = prof_suspended_used = 0;
    prof_recent_count = 0;
}
