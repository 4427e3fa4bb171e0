/* Adds operations to a merger. Code objects are the same if they are the same in all: name, place, instructions, flow.
 *
 * What a code object counted in a context is the solution of linear equations (format.h), so the counters of several captures
 * are added, and the solution of the sum is the sum of the solutions. Not so where a count comes out negative: readers cut it
 * at zero and say that it is not exact. The counters of such a context are kept apart, so that they still do. */
#include "merge.h"
#include <stdlib.h>
#include <string.h>

/* ---- setting down ---- */

static int set_down_event(merge_operations *found, prof_flow_event event) {
    prof_flow_event *made = prof_merge_row(&found->events, sizeof *made);
    if (made == NULL) return -1;
    *made = event;
    return 0;
}

static int take_context(void *to, const prof_reader_context *context) {
    merge_operations *found = to;
    merge_context *made = prof_merge_row(&found->contexts, sizeof *made);
    if (made == NULL) return -1;
    *made = (merge_context){.place = context->place,
                            .code = context->code,
                            .first_event = found->events.count,
                            .event_count = context->event_count + context->live_count,
                            .counts = context->counts,
                            .entries = context->entries,
                            .exact = context->exact};
    for (uint32_t i = 0; i < context->event_count; i++)
        if (set_down_event(found, context->events[i]) != 0) return -1;
    for (uint32_t i = 0; i < context->live_count; i++) {
        prof_flow_event left = {.what = PROF_EVENT_LEAVES, .unit = (uint32_t)context->live[i], .count = 1};
        if (set_down_event(found, left) != 0) return -1;
    }
    return 0;
}

int prof_merge_read_operations(const prof_reader *reader, prof_reader_tree *tree, merge_operations *found, char *error,
                               size_t size) {
    uint64_t *own = calloc(tree->count, sizeof *own);
    if (own == NULL) prof_reader_fail(error, size, "does not fit into memory");
    else found->solved = prof_reader_operations_visit(reader, tree, 0, own, take_context, found, error, size);
    for (uint32_t i = 1; found->solved != NULL && i < tree->count; i++) found->total += own[i];
    free(own);
    return found->solved == NULL ? -1 : 0;
}

/* ---- code objects ---- */

typedef struct {
    const unsigned char *bytes;
    uint32_t size;
} code_key;

static int same_code(const prof_merger *m, uint32_t row, const void *key) {
    const merge_code *code = (const merge_code *)m->codes.rows + row;
    const code_key *wanted = key;
    return code->size == wanted->size && memcmp(m->code_bytes.data + code->at, wanted->bytes, wanted->size) == 0;
}

static int text_of(prof_merger *m, const prof_reader *reader, prof_ref *ref) {
    *ref = prof_merge_text(m, prof_reader_string(reader, *ref));
    return *ref == MERGE_NONE ? -1 : 0;
}

/* Makes texts and label of a copied code those of the merger, and clears what means nothing. */
static int make_common(prof_merger *m, const prof_reader *reader, prof_code *code, const uint32_t *labels) {
    prof_reader_cursor cursor = {0};
    uint64_t label = code->label == 0 ? PROF_READER_NOT_FOUND : prof_reader_record(reader, PROF_CHUNK_LABELS, code->label, &cursor);
    code->label = label == PROF_READER_NOT_FOUND ? 0 : labels[label] + 1;
    memset(code->reserved, 0, sizeof code->reserved);
    if (text_of(m, reader, &code->name) != 0 || text_of(m, reader, &code->file) != 0) return -1;
    prof_code_instruction *instruction = (prof_code_instruction *)(code + 1);
    for (uint32_t i = 0; i < code->instructions; i++, instruction++) {
        instruction->reserved = 0;
        if (text_of(m, reader, &instruction->name) != 0 || text_of(m, reader, &instruction->second) != 0) return -1;
    }
    return 0;
}

static uint32_t code_of(prof_merger *m, const prof_reader *reader, const prof_code *from, const uint32_t *labels) {
    uint64_t bytes = sizeof *from + (uint64_t)from->instructions * sizeof(prof_code_instruction) +
                     (uint64_t)from->edges * sizeof(prof_code_edge) + (uint64_t)from->handlers * sizeof(uint32_t);
    uint32_t size = ((uint32_t)bytes + 7) & ~7u, row = MERGE_NONE;
    prof_code *code = calloc(1, size);
    if (code == NULL) return MERGE_NONE;
    memcpy(code, from, bytes);
    code->size = size;
    if (make_common(m, reader, code, labels) == 0) {
        code_key key = {(const unsigned char *)code, size};
        uint64_t hash = prof_merge_hash_bytes(6, code, size);
        row = prof_merge_find(m, &m->by_code, hash, same_code, &key);
        if (row == MERGE_NONE) {
            uint64_t at = m->code_bytes.used;
            unsigned char *room = prof_merge_room(&m->code_bytes, size);
            merge_code *made = prof_merge_row(&m->codes, sizeof *made);
            if (room != NULL && made != NULL && prof_merge_put(&m->by_code, hash, m->codes.count - 1) == 0) {
                memcpy(room, code, size);
                *made = (merge_code){.at = at, .size = size};
                row = m->codes.count - 1;
            }
        }
    }
    free(code);
    return row;
}

/* The rows of the code objects of a capture, in the order of the file; NULL when out of memory. Owned by the caller. */
static uint32_t *map_codes(prof_merger *m, const prof_reader *reader, const uint32_t *labels, uint32_t *count) {
    merge_rows map = {0};
    for (uint64_t c = 0; c < reader->info.chunk_count; c++) {
        const prof_reader_chunk *chunk = &reader->chunks[c];
        const unsigned char *at = prof_reader_records(reader, chunk), *end = at + chunk->used;
        for (; chunk->type == PROF_CHUNK_CODES && at < end; at += ((const prof_code *)at)->size) {
            uint32_t *row = prof_merge_row(&map, sizeof *row);
            if (row == NULL || (*row = code_of(m, reader, (const prof_code *)at, labels)) == MERGE_NONE) {
                free(map.rows);
                return NULL;
            }
        }
    }
    *count = map.count;
    return map.rows != NULL ? (uint32_t *)map.rows : calloc(1, sizeof(uint32_t));
}

/* ---- counts ---- */

static merge_counts *counts_row(const prof_merger *m, uint32_t row) { return (merge_counts *)m->counts.rows + row; }

static int same_counts(const prof_merger *m, uint32_t row, const void *key) {
    const merge_counts *counts = counts_row(m, row), *wanted = key;
    return counts->node == wanted->node && counts->code == wanted->code;
}

/* The row of a code object in a context, made if there is none, and always if the counts are not exact. */
static uint32_t counts_of(prof_merger *m, uint32_t node, uint32_t code, int exact) {
    merge_counts wanted = {.node = node, .code = code};
    uint64_t hash = prof_merge_hash(7, (uint64_t)node << 32 | code);
    uint32_t row = exact ? prof_merge_find(m, &m->by_counts, hash, same_counts, &wanted) : MERGE_NONE;
    if (row != MERGE_NONE) return row;
    merge_counts *made = prof_merge_row(&m->counts, sizeof *made);
    row = m->counts.count - 1;
    if (made == NULL || (exact && prof_merge_put(&m->by_counts, hash, row) != 0)) return MERGE_NONE;
    prof_node *above = (prof_node *)m->nodes.rows + node;
    const merge_code *its = (const merge_code *)m->codes.rows + code;
    *made = wanted;
    made->counters = ((const prof_code *)(m->code_bytes.data + its->at))->counters;
    made->first = m->counters.count;
    made->next = above->counts;
    above->counts = row + 1;
    for (uint32_t i = 0; i < counts_row(m, row)->counters; i++)
        if (prof_merge_row(&m->counters, sizeof(uint64_t)) == NULL) return MERGE_NONE;
    return row;
}

static int same_event(const prof_merger *m, uint32_t row, const void *key) {
    const merge_event *event = (const merge_event *)m->events.rows + row, *wanted = key;
    return event->counts == wanted->counts && event->what == wanted->what && event->unit == wanted->unit;
}

static int add_event(prof_merger *m, uint32_t counts, const prof_flow_event *from) {
    merge_event wanted = {.counts = counts, .what = from->what, .unit = from->unit};
    uint64_t hash = prof_merge_hash(prof_merge_hash(8, (uint64_t)counts << 32 | from->what), from->unit);
    int is_new;
    uint32_t row = prof_merge_row_of(m, &m->by_event, &m->events, sizeof wanted, hash, same_event, &wanted, &is_new);
    if (row == MERGE_NONE) return -1;
    merge_event *event = (merge_event *)m->events.rows + row;
    if (is_new) {
        *event = wanted;
        event->next = counts_row(m, counts)->events;
        counts_row(m, counts)->events = row + 1;
    }
    event->count += from->count; /* modulo 2^64, like all sums of counters */
    return 0;
}

static int add_context(prof_merger *m, const merge_context *from, const prof_flow_event *events, uint32_t node, uint32_t code) {
    uint32_t row = counts_of(m, node, code, from->exact);
    if (row == MERGE_NONE) return -1;
    merge_counts *counts = counts_row(m, row);
    counts->entries += from->entries;
    const uint64_t *counters = from->counts == NULL ? NULL : (const uint64_t *)(from->counts + 1);
    uint64_t *sums = (uint64_t *)m->counters.rows + counts->first;
    for (uint32_t i = 0; counters != NULL && i < counts->counters; i++) sums[i] += counters[i];
    for (uint32_t i = 0; i < from->event_count; i++)
        if (add_event(m, row, &events[i]) != 0) return -1;
    return 0;
}

/* ---- types of operands ---- */

static int same_operands(const prof_merger *m, uint32_t row, const void *key) {
    return memcmp((const merge_operands *)m->operands.rows + row, key, offsetof(merge_operands, count)) == 0;
}

static int add_operands(prof_merger *m, const prof_reader *reader, const prof_reader_operands *from, uint32_t lies, uint32_t code) {
    merge_operands wanted = {.code = code, .lies = lies, .left = from->left, .right = from->right};
    if (text_of(m, reader, &wanted.left) != 0 || text_of(m, reader, &wanted.right) != 0) return -1;
    uint64_t hash = prof_merge_hash_bytes(9, &wanted, offsetof(merge_operands, count));
    int is_new;
    uint32_t row = prof_merge_row_of(m, &m->by_operands, &m->operands, sizeof wanted, hash, same_operands, &wanted, &is_new);
    if (row == MERGE_NONE) return -1;
    merge_operands *operands = (merge_operands *)m->operands.rows + row;
    if (is_new) *operands = wanted;
    prof_merge_add(&operands->count, from->count);
    return 0;
}

static int add_all_operands(prof_merger *m, const prof_reader *reader, const prof_reader_operations *solved,
                            const uint32_t *codes) {
    for (uint32_t i = 0; i < solved->operand_count; i++) {
        const prof_reader_operation *row = &solved->rows[solved->operands[i].row];
        if (add_operands(m, reader, &solved->operands[i], row->lies, codes[row->code]) != 0) return -1;
    }
    return 0;
}

int prof_merge_add_operations(prof_merger *m, const prof_reader *reader, const merge_operations *found, const uint32_t *nodes,
                              const uint32_t *labels) {
    if (found->solved == NULL) return 0;
    uint32_t count = 0, *codes = map_codes(m, reader, labels, &count);
    int result = codes == NULL ? -1 : 0;
    const merge_context *contexts = (const merge_context *)found->contexts.rows;
    for (uint32_t i = 0; result == 0 && i < found->contexts.count; i++)
        result = add_context(m, &contexts[i], (const prof_flow_event *)found->events.rows + contexts[i].first_event,
                             nodes[contexts[i].place], codes[contexts[i].code]);
    if (result == 0) result = add_all_operands(m, reader, found->solved, codes);
    free(codes);
    return result;
}
