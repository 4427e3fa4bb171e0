#include "labels.h"

#include "slowest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "recording.h"
#include "sources.h"
#include "table.h"

#define FIRST_SLOTS 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static prof_table strings, labels; /* of refs; what they are found by is in the arena */
static prof_appender string_room, label_room, place_room;

void prof_labels_reset(void) {
    pthread_mutex_init(&lock, NULL); /* after fork() another thread may have held it */
    prof_table_free(&strings);
    prof_table_free(&labels);
    prof_sources_reset();
    string_room = label_room = place_room = (prof_appender){0};
}

const char *prof_string_text(prof_ref ref) { return ref ? ((prof_string *)prof_arena_at(ref))->text : ""; }

static uint64_t hash_bytes(const char *text, size_t n) { /* FNV-1a */
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)text[i]) * 1099511628211u;
    return h ^ h >> 29;
}

/* What tells labels of the same place apart. A line's name follows from its place, but two functions may share the line: it goes by
 * its function, which is its module. */
static prof_ref key(const prof_label *l) { return l->kind == PROF_LINE ? l->module : l->name; }

static uint64_t hash_label(const prof_label *l) {
    uint64_t h = ((uint64_t)key(l) << 32 | l->file) * 0x9e3779b97f4a7c15u;
    h = (h ^ ((uint64_t)l->kind << 32 | l->line)) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 31;
}

static uint64_t hash_string_at(const void *slot) {
    const prof_string *s = prof_arena_at(*(const prof_ref *)slot);
    return hash_bytes(s->text, s->length);
}

static uint64_t hash_label_at(const void *slot) { return hash_label(prof_arena_at(*(const prof_ref *)slot)); }

static prof_ref intern_string(const char *text) {
    size_t n = strlen(text);
    if (prof_table_reserve(&strings, sizeof(prof_ref), FIRST_SLOTS, hash_string_at)) return 0;
    prof_ref *slots = strings.slots;
    size_t k = hash_bytes(text, n) & strings.mask;
    for (; slots[k]; k = (k + 1) & strings.mask) {
        prof_string *s = prof_arena_at(slots[k]);
        if (s->length == n && !memcmp(s->text, text, n)) return slots[k];
    }
    size_t bytes = (offsetof(prof_string, text) + n + 1 + 7) / 8 * 8;
    prof_string *s = prof_arena_append(&string_room, PROF_CHUNK_STRINGS, 1, 0, bytes);
    if (!s) return 0;
    s->length = (uint32_t)n;
    memcpy(s->text, text, n);
    prof_arena_publish(&string_room, bytes);
    strings.used++;
    return slots[k] = prof_arena_ref(s);
}

prof_ref prof_string_ref(const char *text) {
    if (!text) return 0;
    pthread_mutex_lock(&lock);
    prof_ref ref = intern_string(text);
    pthread_mutex_unlock(&lock);
    return ref;
}

/* The slot of that label, or the free one where it belongs. */
static prof_ref *label_slot(const prof_label *wanted) {
    prof_ref *slots = labels.slots;
    size_t k = hash_label(wanted) & labels.mask;
    for (; slots[k]; k = (k + 1) & labels.mask) {
        const prof_label *l = prof_arena_at(slots[k]);
        if (l->kind == wanted->kind && key(l) == key(wanted) && l->file == wanted->file && l->line == wanted->line) break;
    }
    return &slots[k];
}

static int kind_has_source(uint32_t kind) {
    return kind == PROF_FUNCTION || kind == PROF_SECTION || kind == PROF_LINE || kind == PROF_FRAME;
}

static prof_label *intern_label(const prof_label *wanted) {
    if (prof_table_reserve(&labels, sizeof(prof_ref), FIRST_SLOTS, hash_label_at)) return NULL;
    prof_ref *slot = label_slot(wanted);
    if (*slot) return prof_arena_at(*slot);
    int place = wanted->kind == PROF_LINE || wanted->kind == PROF_FRAME;
    uint32_t bytes = place ? PROF_PLACE_SIZE : sizeof(prof_label);
    prof_appender *room = place ? &place_room : &label_room;
    prof_label *l = prof_arena_append(room, place ? PROF_CHUNK_PLACES : PROF_CHUNK_LABELS, bytes, 0, bytes);
    if (!l) return NULL;
    memcpy(l, wanted, place ? PROF_PLACE_SIZE : offsetof(prof_label, histogram));
    prof_arena_publish(room, bytes);
    labels.used++;
    *slot = prof_arena_ref(l);
    if (kind_has_source(wanted->kind)) prof_sources_note(wanted->file);
    return l;
}

prof_label *prof_label_intern(uint32_t kind, const char *name, const char *module, const char *file, uint32_t line,
                              uint32_t flags) {
    if (!prof_recording()) return NULL;
    prof_label wanted = {.kind = kind, .line = line, .flags = flags, .min = UINT64_MAX};
    if (!prof_limits.slowest) wanted.private_slow_above = prof_slow_above(UINT64_MAX);
    pthread_mutex_lock(&lock);
    wanted.name = intern_string(name);
    wanted.module = module ? intern_string(module) : 0;
    wanted.file = file ? intern_string(file) : 0;
    prof_label *label = wanted.name ? intern_label(&wanted) : NULL;
    pthread_mutex_unlock(&lock);
    return label;
}

int prof_label_is_span(const char *name, const char *file, uint32_t line) {
    prof_label wanted = {.kind = PROF_FUNCTION, .line = line};
    pthread_mutex_lock(&lock);
    wanted.name = intern_string(name);
    wanted.file = intern_string(file);
    int is = labels.slots && *label_slot(&wanted);
    pthread_mutex_unlock(&lock);
    return is;
}

static prof_ref line_name(prof_ref file, uint32_t line) {
    char name[512];
    const char *path = prof_string_text(file), *base = strrchr(path, '/');
    base = base && base[1] ? base + 1 : path;
    if (line) snprintf(name, sizeof name, "%s:%u", base, line);
    else snprintf(name, sizeof name, "%s", base);
    return intern_string(name);
}

prof_label *prof_label_at_line(prof_ref function, prof_ref file, uint32_t line) {
    prof_label wanted = {.kind = PROF_LINE, .module = function, .file = file, .line = line, .min = UINT64_MAX};
    if (!prof_recording() || !function || !file) return NULL;
    pthread_mutex_lock(&lock);
    prof_ref known = labels.slots ? *label_slot(&wanted) : 0;
    prof_label *label = known ? prof_arena_at(known) : NULL;
    if (!known && (wanted.name = line_name(file, line))) label = intern_label(&wanted);
    pthread_mutex_unlock(&lock);
    return label;
}

prof_label *prof_label_line(const char *function, const char *file, uint32_t line) {
    return prof_label_at_line(prof_string_ref(function), prof_string_ref(file), line);
}

prof_label *prof_label_get(uint32_t kind, const char *name, const char *module, const char *file, uint32_t line) {
    return prof_label_intern(kind, name, module, file, line, 0);
}
