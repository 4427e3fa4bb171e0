/* Sums over solved operations: by line, by expression, by branch, by the name that is called or accessed. */
#include "private.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES offsetof(prof_reader_site, row) /* what comes before are the key's parts */
#define FARTHEST 10000u                           /* instructions between a callee and its call */

typedef struct {
    const prof_reader_operations *from;
    prof_reader_sites *out;
    uint32_t room;   /* of out->sites */
    uint32_t *slots; /* Owned: sites of the code at hand, by key, from 1 */
    uint32_t mask, most;
    uint32_t categories; /* bits, from category 1 */
    int in_categories, out_of_memory;
} work;

static int wanted(const work *w, uint8_t category) {
    return category != 0 && category <= PROF_READER_CATEGORIES && (w->categories >> (category - 1) & 1);
}

static uint32_t hash(const prof_reader_site *key) {
    uint32_t words[KEY_BYTES / sizeof(uint32_t)];
    uint64_t h = 0;
    memcpy(words, key, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) h = (h ^ words[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 32;
    return (uint32_t)h;
}

static int make_room(work *w) {
    if (w->out->count < w->room) return 0;
    uint32_t room = w->room == 0 ? 1024 : w->room * 2;
    prof_reader_site *bigger = realloc(w->out->sites, room * sizeof *bigger);
    if (bigger == NULL) return -1;
    w->out->sites = bigger;
    w->room = room;
    if (!w->in_categories) return 0;
    uint64_t *more = realloc(w->out->by_category, (size_t)room * PROF_READER_CATEGORIES * sizeof *more);
    if (more == NULL) return -1;
    w->out->by_category = more;
    return 0;
}

/* The site with that key, made at first sight; NULL when out of memory. Valid until the next call. */
static prof_reader_site *site_of(work *w, const prof_reader_site *key, uint32_t row) {
    uint32_t k = hash(key) & w->mask;
    for (; w->slots[k] != 0; k = (k + 1) & w->mask) {
        prof_reader_site *found = &w->out->sites[w->slots[k] - 1];
        if (memcmp(found, key, KEY_BYTES) == 0) return found;
    }
    if (make_room(w) != 0) {
        w->out_of_memory = 1;
        return NULL;
    }
    uint32_t index = w->out->count++;
    prof_reader_site *made = &w->out->sites[index];
    *made = *key;
    made->row = row;
    made->index = index;
    if (w->in_categories)
        memset(w->out->by_category + (size_t)index * PROF_READER_CATEGORIES, 0, PROF_READER_CATEGORIES * sizeof(uint64_t));
    w->slots[k] = index + 1;
    return made;
}

/* The slots, empty, for a code object of so many rows; each row makes two sites at most. */
static int clear_slots(work *w, uint32_t rows) {
    uint32_t size = 16;
    while (size < (uint64_t)rows * 4 && size < 1u << 31) size *= 2;
    if (size > w->most) {
        uint32_t *bigger = realloc(w->slots, size * sizeof *bigger);
        if (bigger == NULL) return -1;
        w->slots = bigger;
        w->most = size;
    }
    w->mask = size - 1;
    memset(w->slots, 0, size * sizeof *w->slots);
    return 0;
}

/* Adds the operations of a row that are wanted, and takes its count if it is the largest so far. */
static void add_row(work *w, prof_reader_site *site, const prof_reader_operation *r) {
    for (int k = 0; k < 2; k++) {
        if (!wanted(w, r->category[k])) continue;
        site->ops += r->count;
        w->out->by_category[(size_t)site->index * PROF_READER_CATEGORIES + r->category[k] - 1] += r->count;
    }
    site->rows++;
    if (r->count > site->count) site->count = r->count;
}

static void by_line(work *w, const prof_reader_operation *rows, uint32_t row) {
    const prof_reader_operation *r = &rows[row];
    prof_reader_site key = {.code = r->code, .line = r->line, .end_line = r->line}, *site;
    if (r->line != 0 && r->count != 0 && (site = site_of(w, &key, row)) != NULL) add_row(w, site, r);
}

static void by_expression(work *w, const prof_reader_operation *rows, uint32_t row) {
    const prof_reader_operation *r = &rows[row];
    prof_reader_site key = {.code = r->code,
                            .line = r->line,
                            .end_line = r->end_line,
                            .column = r->column,
                            .end_column = r->end_column},
                     *site;
    int known = r->line != 0 && r->column != UINT16_MAX && r->end_column != UINT16_MAX && r->count != 0;
    if (known && (wanted(w, r->category[0]) || wanted(w, r->category[1])) && (site = site_of(w, &key, row)) != NULL)
        add_row(w, site, r);
}

static void by_branch(work *w, const prof_reader_operation *rows, uint32_t row) {
    const prof_reader_operation *r = &rows[row];
    prof_reader_site key = {.code = r->code,
                            .line = r->line,
                            .end_line = r->end_line,
                            .column = r->column,
                            .end_column = r->end_column,
                            .kind = r->flow == PROF_FLOW_FOR},
                     *site;
    /* Where a count came out negative, it is 0 and the jumps may not be: both are shown, as in a sum of captures. */
    if ((r->count == 0 && r->taken == 0) || (r->flow != PROF_FLOW_BRANCH && r->flow != PROF_FLOW_FOR)) return;
    if ((site = site_of(w, &key, row)) == NULL) return;
    site->rows++;
    site->count += r->count;
    site->taken += r->taken;
}

static void add_access(work *w, uint32_t row, const prof_reader_operation *r, uint32_t name, int which) {
    prof_reader_site key = {.code = r->code, .name = name, .kind = r->category[which]}, *site;
    if (name == 0 || !wanted(w, r->category[which]) || (site = site_of(w, &key, row)) == NULL) return;
    uint64_t *sums[] = {NULL, &site->reads, &site->writes, &site->deletes};
    site->rows++;
    site->count += r->count;
    if (r->access[which] != 0 && r->access[which] < 4) *sums[r->access[which]] += r->count;
}

static void by_name(work *w, const prof_reader_operation *rows, uint32_t row) {
    const prof_reader_operation *r = &rows[row];
    if (r->count == 0) return;
    add_access(w, row, r, r->name, 0);
    add_access(w, row, r, r->second, 1);
}

/* Whether the range of `b` is the longer one; both begin together. */
static int is_longer(const prof_reader_operation *b, const prof_reader_operation *a) {
    return b->end_line != a->end_line ? b->end_line > a->end_line : b->end_column > a->end_column;
}

static int is_name(const prof_reader_operation *r) { return r->name != 0 && r->access[0] == PROF_ACCESS_READ; }

/* What a call calls: of the instructions before it whose expressions begin where the call does, and end before it ends, the
 * one that ends last; of two with one range, such as an attribute and the names of keywords, the one that reads a name.
 * NULL where there is none. */
static const prof_reader_operation *callee_of(const prof_reader_operation *first, const prof_reader_operation *call) {
    const prof_reader_operation *best = NULL;
    if (call->line == 0 || call->column == UINT16_MAX) return NULL;
    for (const prof_reader_operation *r = call; r-- > first && call - r < FARTHEST;)
        if (r->line == call->line && r->column == call->column && is_longer(call, r) &&
            (r->category[0] != 0 || r->category[1] != 0) &&
            (best == NULL || is_longer(r, best) || (!is_longer(best, r) && is_name(r) && !is_name(best))))
            best = r;
    return best;
}

static void add_call(work *w, const prof_reader_operation *rows, uint32_t row, uint32_t line) {
    const prof_reader_operation *r = &rows[row];
    if (r->count == 0 || !wanted(w, r->category[0])) return;
    const prof_reader_operation *callee = callee_of(&rows[w->from->codes[r->code].first], r);
    prof_reader_site key = {.code = r->code, .line = line, .end_line = line}, *site;
    if (callee != NULL && is_name(callee)) {
        key.name = callee->name;
        key.kind = callee->category[0];
    }
    if ((site = site_of(w, &key, row)) == NULL) return;
    site->rows++;
    site->count += r->count;
}

static void by_callee(work *w, const prof_reader_operation *rows, uint32_t row) { add_call(w, rows, row, 0); }

static void by_call(work *w, const prof_reader_operation *rows, uint32_t row) { add_call(w, rows, row, rows[row].line); }

/* Most operations first, then most executions, then as in the capture. */
static int by_size(const void *a, const void *b) {
    const prof_reader_site *x = a, *y = b;
    if (x->ops != y->ops) return x->ops > y->ops ? -1 : 1;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

prof_reader_sites *prof_reader_sites_new(const prof_reader_operations *operations, uint32_t by, uint32_t categories) {
    static void (*const ways[])(work *, const prof_reader_operation *, uint32_t) = {by_line, by_expression, by_branch,
                                                                                    by_name, by_callee,     by_call};
    work w = {.from = operations,
              .categories = categories,
              .in_categories = by == PROF_READER_BY_LINE || by == PROF_READER_BY_EXPRESSION};
    w.out = calloc(1, sizeof *w.out);
    if (w.out == NULL || by >= sizeof ways / sizeof *ways || make_room(&w) != 0) goto error;
    for (uint32_t c = 0; c < operations->code_count; c++) {
        const prof_reader_code *code = &operations->codes[c];
        if (code->contexts == 0) continue;
        if (clear_slots(&w, code->count) != 0) goto error;
        for (uint32_t row = code->first; row < code->first + code->count && !w.out_of_memory; row++)
            ways[by](&w, operations->rows, row);
    }
    if (w.out_of_memory) goto error;
    free(w.slots);
    qsort(w.out->sites, w.out->count, sizeof *w.out->sites, by_size);
    return w.out;
error:
    free(w.slots);
    prof_reader_sites_free(w.out);
    return NULL;
}

void prof_reader_sites_free(prof_reader_sites *sites) {
    if (sites == NULL) return;
    free(sites->sites);
    free(sites->by_category);
    free(sites);
}
