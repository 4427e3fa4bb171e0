/* Solves the operations: from the counters of a code object in a calling context to how often each instruction ran.
 * See "operations" in format.h. The order of the steps is found once for each code object, and taken for each context. */
#include "private.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One edge from one block's balance: what the others leave. */
typedef struct {
    uint32_t edge, block;
} step;

/* A code object, made ready. The first three are borrowed from the file. */
typedef struct {
    const prof_code *code;
    const prof_code_instruction *instructions;
    const prof_code_edge *edges;
    const uint32_t *handlers;
    uint32_t first;      /* of its rows among all operations */
    uint32_t first_edge; /* of its edges among all */
    step *steps;         /* Owned, like the rest */
    uint32_t step_count;
    uint32_t *begins; /* by block: its first entry in `around`, one more than blocks */
    uint32_t *around; /* edges of a block */
    uint32_t *starts; /* by block: its first instruction, one more than blocks */
} solver;

typedef struct {
    const prof_reader *reader;
    prof_reader_tree *tree;
    const uint32_t *place; /* by node of the file */
    prof_reader_operations *out;
    solver *solvers;
    uint32_t count;
    uint64_t *live; /* by entry: ref << 32 | unit, sorted */
    uint64_t live_count;
    /* Modulo 2^64, like all sums here: a damaged file may hold any numbers. */
    uint64_t *value;   /* by edge, of the code at hand */
    uint64_t *inside;  /* by block: what handlers take up */
    uint64_t *change;  /* by instruction: flow that enters behind it, less what leaves */
    uint64_t *own;     /* by place: the category asked for, or all */
    uint32_t category; /* 0 all */
    prof_reader_cursor counts, codes, events, labels;
    prof_reader_visit *visit; /* told of each context; NULL: nobody */
    void *to;
    prof_flow_event *seen; /* Owned: the events of the context at hand, for `visit` */
    uint32_t seen_count, seen_room;
    char *error;
    size_t error_size;
} work;

static int corrupt(work *w, const char *what) {
    prof_reader_fail(w->error, w->error_size, CORRUPT "operations name %s", what);
    return -1;
}

/* The record at `ref` in a chunk of text-like records, with at least `bytes` behind it that were published; NULL if none. */
static const void *record_at(const prof_reader *reader, uint32_t type, prof_ref ref, uint64_t bytes, prof_reader_cursor *cursor) {
    uint64_t offset = (uint64_t)ref * PROF_REF_UNIT;
    const prof_reader_chunk *c = prof_reader_chunk_at(reader, offset, cursor);
    if (c == NULL || c->type != type || offset < c->offset + sizeof(prof_chunk)) return NULL;
    uint64_t end = c->offset + sizeof(prof_chunk) + c->used;
    return offset + bytes <= end ? reader->data + offset : NULL;
}

/* ---- code objects ---- */

static int read_code(work *w, solver *s, const unsigned char *at, uint64_t room) {
    const prof_code *code = s->code = (const prof_code *)at;
    if (room < sizeof *code || code->size > room || code->size % PROF_REF_UNIT != 0)
        return corrupt(w, "code that is longer than its chunk");
    uint64_t bytes = sizeof *code + (uint64_t)code->instructions * sizeof *s->instructions +
                     (uint64_t)code->edges * sizeof *s->edges + (uint64_t)code->handlers * sizeof *s->handlers;
    if (bytes > code->size || code->instructions == 0) return corrupt(w, "code that is longer than its record");
    s->instructions = (const prof_code_instruction *)(code + 1);
    s->edges = (const prof_code_edge *)(s->instructions + code->instructions);
    s->handlers = (const uint32_t *)(s->edges + code->edges);
    uint32_t block = 0;
    for (uint32_t i = 0; i < code->instructions; i++) {
        if (s->instructions[i].block < block || s->instructions[i].block > block + 1)
            return corrupt(w, "an instruction out of order");
        block = s->instructions[i].block;
    }
    int good = block == code->blocks && block > 0;
    for (uint32_t e = 0; e < code->edges; e++)
        good &= s->edges[e].from <= block && s->edges[e].to <= block && s->edges[e].instruction < code->instructions &&
                (s->edges[e].counter >= PROF_CODE_CALLS || s->edges[e].counter < code->counters);
    for (uint32_t h = 0; h < code->handlers; h++) good &= s->handlers[h] <= block;
    return good ? 0 : corrupt(w, "an edge that leads nowhere");
}

/* Edges by block, and its first instruction. Owned by the solver. */
static int index_blocks(solver *s) {
    uint32_t blocks = s->code->blocks, edges = s->code->edges;
    s->begins = calloc((size_t)blocks + 2, sizeof *s->begins);
    s->around = calloc((size_t)edges * 2 + 1, sizeof *s->around);
    s->starts = calloc((size_t)blocks + 2, sizeof *s->starts);
    s->steps = calloc((size_t)blocks + 1, sizeof *s->steps);
    uint32_t *next = calloc((size_t)blocks + 2, sizeof *next);
    if (!s->begins || !s->around || !s->starts || !s->steps || !next) {
        free(next);
        return -1;
    }
    for (uint32_t e = 0; e < edges; e++) s->begins[s->edges[e].from + 1]++, s->begins[s->edges[e].to + 1]++;
    for (uint32_t b = 0; b <= blocks; b++) s->begins[b + 1] += s->begins[b], next[b] = s->begins[b];
    for (uint32_t e = 0; e < edges; e++) {
        s->around[next[s->edges[e].from]++] = e;
        s->around[next[s->edges[e].to]++] = e;
    }
    for (uint32_t i = s->code->instructions; i-- > 0;) s->starts[s->instructions[i].block] = i;
    s->starts[blocks + 1] = s->code->instructions;
    free(next);
    return 0;
}

/* The order in which blocks with a single unknown edge give it. */
static int find_steps(solver *s) {
    uint32_t blocks = s->code->blocks, waiting = 0;
    uint32_t *unknown = calloc((size_t)blocks + 1, sizeof *unknown), *list = calloc((size_t)blocks + 1, sizeof *list);
    unsigned char *known = calloc((size_t)s->code->edges + 1, 1);
    int result = unknown && list && known ? 0 : -1;
    for (uint32_t e = 0; result == 0 && e < s->code->edges; e++) {
        known[e] = s->edges[e].counter != PROF_CODE_NONE || s->edges[e].from == s->edges[e].to;
        if (!known[e]) unknown[s->edges[e].from]++, unknown[s->edges[e].to]++;
    }
    for (uint32_t b = 1; result == 0 && b <= blocks; b++)
        if (unknown[b] == 1) list[waiting++] = b;
    while (result == 0 && waiting > 0) {
        uint32_t b = list[--waiting];
        for (uint32_t k = s->begins[b]; k < s->begins[b + 1]; k++) {
            uint32_t e = s->around[k], other = s->edges[e].from == b ? s->edges[e].to : s->edges[e].from;
            if (known[e]) continue;
            known[e] = 1;
            s->steps[s->step_count++] = (step){e, b};
            unknown[b]--;
            if (--unknown[other] == 1 && other != 0) list[waiting++] = other;
            break;
        }
    }
    free(unknown);
    free(list);
    free(known);
    return result;
}

static int read_codes(work *w) {
    const prof_reader *reader = w->reader;
    uint32_t room = 0, rows = 0, edges = 0;
    for (uint64_t c = 0; c < reader->info.chunk_count; c++) {
        const prof_reader_chunk *chunk = &reader->chunks[c];
        const unsigned char *at = prof_reader_records(reader, chunk), *end = at + chunk->used;
        for (; chunk->type == PROF_CHUNK_CODES && at < end; at += w->solvers[w->count++].code->size) {
            if (w->count == room) {
                room = room == 0 ? 256 : room * 2;
                solver *bigger = realloc(w->solvers, room * sizeof *bigger);
                if (bigger == NULL) return -1;
                w->solvers = bigger;
            }
            solver *s = &w->solvers[w->count];
            memset(s, 0, sizeof *s);
            if (read_code(w, s, at, (uint64_t)(end - at)) != 0) return -1;
            s->first = rows;
            s->first_edge = edges;
            rows += s->code->instructions;
            edges += s->code->edges;
            if (index_blocks(s) != 0 || find_steps(s) != 0) {
                w->count++;
                return -1;
            }
        }
    }
    w->out->edges = calloc((size_t)edges + 1, sizeof *w->out->edges);
    w->out->count = rows;
    w->out->code_count = w->count;
    return w->out->edges == NULL ? -1 : 0;
}

/* By address, since the chunks are read in order. */
static solver *solver_of(work *w, prof_ref ref) {
    const unsigned char *at = w->reader->data + (uint64_t)ref * PROF_REF_UNIT;
    uint32_t low = 0, high = w->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const unsigned char *here = (const unsigned char *)w->solvers[middle].code;
        if (here == at) return &w->solvers[middle];
        if (here < at) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

/* ---- one context ---- */

static uint32_t instruction_at(const solver *s, uint32_t unit) {
    uint32_t low = 0, high = s->code->instructions;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (s->instructions[middle].lies <= unit) low = middle;
        else high = middle;
    }
    return low;
}

/* Whether an exception that came to `handler` with this instruction's offset arose here. Else the offset is an older one's,
 * which a handler has raised again, or was thrown into a suspended generator: then nothing flowed here. */
static int arose(const prof_code_instruction *i, uint32_t handler) {
    return i->handler == handler && i->flow != PROF_FLOW_RESUME && i->flow != PROF_FLOW_RERAISE && i->flow != PROF_FLOW_YIELD;
}

static void add_event(work *w, const solver *s, const prof_flow_event *e) {
    uint32_t i = instruction_at(s, e->unit);
    uint64_t n = e->count;
    if (e->what == PROF_EVENT_ENTERS) {
        w->change[i] += n;
    } else if (e->what == PROF_EVENT_LEAVES) {
        w->change[i] -= n;
    } else {
        if (e->what < s->code->handlers) w->inside[s->handlers[e->what]] += n;
        if (arose(&s->instructions[i], e->what)) w->change[i] -= n;
    }
}

/* Keeps an event for whoever is told of the context. */
static int see(work *w, const prof_flow_event *e) {
    if (w->seen_count == w->seen_room) {
        uint32_t room = w->seen_room == 0 ? 64 : w->seen_room * 2;
        prof_flow_event *larger = realloc(w->seen, room * sizeof *larger);
        if (larger == NULL) return -1;
        w->seen = larger;
        w->seen_room = room;
    }
    w->seen[w->seen_count++] = *e;
    return 0;
}

static int add_events(work *w, const solver *s, prof_ref ref) {
    for (uint64_t limit = w->reader->size; ref != 0 && limit > 0; limit -= sizeof(prof_flow_event)) {
        const prof_flow_event *e = record_at(w->reader, PROF_CHUNK_EVENTS, ref, sizeof *e, &w->events);
        if (e == NULL || limit < sizeof *e) return corrupt(w, "an event that is not there");
        add_event(w, s, e);
        if (w->visit != NULL && see(w, e) != 0) return -1;
        ref = e->next;
    }
    return 0;
}

/* Takes out the calls that were running. Returns how many there are; the first one's index goes to `first`. */
static uint32_t add_live(work *w, const solver *s, prof_ref counts, uint64_t *first) {
    uint64_t low = 0, high = w->live_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (w->live[middle] >> 32 < counts) low = middle + 1;
        else high = middle;
    }
    *first = low;
    for (; low < w->live_count && w->live[low] >> 32 == counts; low++) w->change[instruction_at(s, (uint32_t)w->live[low])] -= 1;
    return (uint32_t)(low - *first);
}

static void solve_edges(work *w, const solver *s, const uint64_t *counters, uint64_t entries) {
    for (uint32_t e = 0; e < s->code->edges; e++) {
        const prof_code_edge *edge = &s->edges[e];
        w->value[e] = edge->counter == PROF_CODE_NONE    ? 0
                      : edge->counter == PROF_CODE_CALLS ? entries
                      : counters != NULL                 ? counters[edge->counter]
                                                         : 0;
        if (edge->before && edge->counter < PROF_CODE_CALLS) w->value[e] += w->change[edge->instruction];
    }
    for (uint32_t k = 0; k < s->step_count; k++) {
        uint32_t b = s->steps[k].block, unknown = s->steps[k].edge;
        uint64_t more = w->inside[b];
        for (uint32_t i = s->starts[b]; i < s->starts[b + 1]; i++) more += w->change[i];
        for (uint32_t n = s->begins[b]; n < s->begins[b + 1]; n++) {
            uint32_t e = s->around[n];
            if (e == unknown || s->edges[e].from == s->edges[e].to) continue;
            more += s->edges[e].to == b ? w->value[e] : 0 - w->value[e];
        }
        w->value[unknown] = s->edges[unknown].from == b ? more : 0 - more;
    }
}

static void add_row(work *w, const solver *s, uint32_t i, uint32_t place, uint32_t label, uint64_t n) {
    const prof_code_instruction *instruction = &s->instructions[i];
    prof_reader_operation *row = &w->out->rows[s->first + i];
    row->count += n;
    for (int k = 0; k < 2; k++) {
        uint8_t category = instruction->category[k];
        if (category == 0 || category > PROF_READER_CATEGORIES) continue;
        if (w->category == 0 || w->category == category) w->own[place] += n;
        if (label != PROF_READER_NO_LABEL) w->out->by_label[(size_t)label * PROF_READER_CATEGORIES + category - 1] += n;
    }
}

/* Adds what the edges say. Returns whether nothing was negative. */
static int add_counts(work *w, const solver *s, uint32_t place, uint32_t label) {
    int exact = 1;
    for (uint32_t b = 1; b <= s->code->blocks; b++) {
        uint64_t n = w->inside[b];
        for (uint32_t k = s->begins[b]; k < s->begins[b + 1]; k++)
            if (s->edges[s->around[k]].to == b &&
                (s->edges[s->around[k]].from != b || k + 1 == s->begins[b + 1] || s->around[k + 1] != s->around[k]))
                n += w->value[s->around[k]];
        for (uint32_t i = s->starts[b]; i < s->starts[b + 1]; i++) {
            exact &= (int64_t)n >= 0;
            if ((int64_t)n > 0) add_row(w, s, i, place, label, n);
            n += w->change[i];
        }
    }
    for (uint32_t e = 0; e < s->code->edges; e++) {
        exact &= (int64_t)w->value[e] >= 0;
        if ((int64_t)w->value[e] <= 0) continue;
        w->out->edges[s->first_edge + e] += w->value[e];
        if (s->edges[e].kind == PROF_EDGE_TAKEN || s->edges[e].kind == PROF_EDGE_DONE)
            w->out->rows[s->first + s->edges[e].instruction].taken += w->value[e];
    }
    return exact;
}

/* One code object in one context: `counts` NULL where it has no counters of its own there. */
static int solve(work *w, solver *s, const prof_counts *counts, prof_ref ref, uint64_t entries, uint32_t place) {
    const prof_code *code = s->code;
    prof_reader_context context = {.place = place, .code = (uint32_t)(s - w->solvers), .counts = counts, .entries = entries};
    w->seen_count = 0;
    memset(w->inside, 0, ((size_t)code->blocks + 1) * sizeof *w->inside);
    memset(w->change, 0, (size_t)code->instructions * sizeof *w->change);
    if (counts != NULL) {
        if (counts->counters != code->counters) return corrupt(w, "counters of other code");
        if (add_events(w, s, counts->events) != 0) return -1;
        uint64_t first;
        context.live_count = add_live(w, s, ref, &first);
        context.live = w->live + first;
    }
    solve_edges(w, s, counts != NULL ? (const uint64_t *)(counts + 1) : NULL, entries);
    uint32_t label = w->tree->label[place];
    w->out->codes[s - w->solvers].contexts++;
    context.exact = add_counts(w, s, place, label);
    if (!context.exact) {
        w->out->codes[s - w->solvers].inexact++;
        if (label != PROF_READER_NO_LABEL) w->out->inexact[label]++;
    }
    if (w->visit == NULL) return 0;
    context.events = w->seen;
    context.event_count = w->seen_count;
    return w->visit(w->to, &context);
}

/* All code that counted at a node of the file. */
static int solve_node(work *w, const prof_node *node, uint32_t place) {
    uint64_t calls = node->calls;
    int own = node->code == 0;
    const prof_counts *c;
    uint64_t limit = w->reader->size / sizeof *c;
    for (int pass = 0; pass < 2; pass++) {
        for (prof_ref ref = node->counts; ref != 0; ref = c->next) {
            c = record_at(w->reader, PROF_CHUNK_COUNTS, ref, sizeof *c, &w->counts);
            if (c == NULL || limit-- == 0 ||
                record_at(w->reader, PROF_CHUNK_COUNTS, ref, sizeof *c + c->counters * sizeof(uint64_t), &w->counts) == NULL)
                return corrupt(w, "counters that are not there");
            if (pass == 0) { /* the others' calls first: those of the node's own code are the rest */
                calls -= c->entries;
                continue;
            }
            solver *s = solver_of(w, c->code);
            if (s == NULL) return corrupt(w, "code that is not there");
            own |= c->code == node->code;
            if (solve(w, s, c, ref, c->code == node->code ? calls : c->entries, place) != 0) return -1;
        }
    }
    if (own) return 0;
    solver *s = solver_of(w, node->code);
    return s == NULL ? corrupt(w, "code that is not there") : solve(w, s, NULL, 0, calls, place);
}

static int solve_all(work *w) {
    prof_reader_walk walk = {0};
    for (const prof_node *node; (node = prof_reader_next(w->reader, PROF_CHUNK_NODES, &walk)) != NULL;) {
        uint32_t place = w->place[walk.index];
        if (place != PROF_READER_NO_PLACE && (node->code != 0 || node->counts != 0) && solve_node(w, node, place) != 0) return -1;
    }
    return 0;
}

/* ---- calls that were running ---- */

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int read_live(work *w) {
    uint32_t generation = 0;
    uint64_t room = 0;
    prof_reader_walk walk = {0};
    for (const prof_live_frame *l; (l = prof_reader_next(w->reader, PROF_CHUNK_LIVE, &walk)) != NULL; room++)
        generation = l->generation > generation ? l->generation : generation;
    w->live = calloc(room + 1, sizeof *w->live);
    if (w->live == NULL) return -1;
    walk = (prof_reader_walk){0};
    for (const prof_live_frame *l; (l = prof_reader_next(w->reader, PROF_CHUNK_LIVE, &walk)) != NULL;)
        if (l->counts != 0 && l->generation == generation && w->live_count < room)
            w->live[w->live_count++] = (uint64_t)l->counts << 32 | l->unit;
    qsort(w->live, w->live_count, sizeof *w->live, by_value);
    return 0;
}

/* ---- the whole ---- */

static uint8_t access_of(const prof_code_instruction *i, int which) {
    return i->access[which] <= PROF_ACCESS_DELETE ? i->access[which] : PROF_ACCESS_NONE;
}

static void describe(work *w, const solver *s, prof_reader_code *out) {
    const prof_code *code = s->code;
    uint64_t label =
        code->label == 0 ? PROF_READER_NOT_FOUND : prof_reader_record(w->reader, PROF_CHUNK_LABELS, code->label, &w->labels);
    *out = (prof_reader_code){.name = code->name,
                              .file = code->file,
                              .line = code->line,
                              .first = s->first,
                              .count = code->instructions,
                              .first_edge = s->first_edge,
                              .edge_count = code->edges,
                              .label = label == PROF_READER_NOT_FOUND ? PROF_READER_NO_LABEL : (uint32_t)label};
    for (uint32_t i = 0; i < code->instructions; i++) {
        const prof_code_instruction *from = &s->instructions[i];
        w->out->rows[s->first + i] = (prof_reader_operation){.code = (uint32_t)(s - w->solvers),
                                                             .lies = from->lies,
                                                             .line = from->line,
                                                             .end_line = from->end_line,
                                                             .column = from->column,
                                                             .end_column = from->end_column,
                                                             .name = from->name,
                                                             .second = from->second,
                                                             .category = {from->category[0], from->category[1]},
                                                             .access = {access_of(from, 0), access_of(from, 1)},
                                                             .flow = from->flow,
                                                             .op = from->op};
    }
}

/* The types of operands are of instructions, whatever the tree. */
static int read_operands(work *w) {
    uint64_t room = 0;
    prof_reader_walk walk = {0};
    while (prof_reader_next(w->reader, PROF_CHUNK_OPERANDS, &walk) != NULL) room++;
    w->out->operands = calloc(room + 1, sizeof *w->out->operands);
    if (w->out->operands == NULL) return -1;
    walk = (prof_reader_walk){0};
    for (const prof_operands *from; (from = prof_reader_next(w->reader, PROF_CHUNK_OPERANDS, &walk)) != NULL;) {
        const solver *s = solver_of(w, from->code);
        if (s == NULL) return corrupt(w, "code that is not there");
        w->out->operands[w->out->operand_count++] = (prof_reader_operands){
            .row = s->first + instruction_at(s, from->lies), .left = from->left, .right = from->right, .count = from->count};
    }
    return 0;
}

static int make_room(work *w) {
    prof_reader_operations *out = w->out;
    uint32_t edges = 0, blocks = 0, instructions = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const prof_code *code = w->solvers[i].code;
        edges = code->edges > edges ? code->edges : edges;
        blocks = code->blocks > blocks ? code->blocks : blocks;
        instructions = code->instructions > instructions ? code->instructions : instructions;
    }
    w->value = calloc((size_t)edges + 1, sizeof *w->value);
    w->inside = calloc((size_t)blocks + 1, sizeof *w->inside);
    w->change = calloc((size_t)instructions + 1, sizeof *w->change);
    out->rows = calloc((size_t)out->count + 1, sizeof *out->rows);
    out->codes = calloc((size_t)w->count + 1, sizeof *out->codes);
    out->by_label = calloc((size_t)w->reader->info.label_count * PROF_READER_CATEGORIES + 1, sizeof *out->by_label);
    out->inexact = calloc((size_t)w->reader->info.label_count + 1, sizeof *out->inexact);
    return w->value && w->inside && w->change && out->rows && out->codes && out->by_label && out->inexact ? 0 : -1;
}

static void work_free(work *w) {
    for (uint32_t i = 0; i < w->count; i++) {
        free(w->solvers[i].steps);
        free(w->solvers[i].begins);
        free(w->solvers[i].around);
        free(w->solvers[i].starts);
    }
    free(w->solvers);
    free(w->live);
    free(w->value);
    free(w->inside);
    free(w->change);
    free(w->seen);
}

prof_reader_operations *prof_reader_operations_new(const prof_reader *reader, prof_reader_tree *tree, uint32_t category,
                                                   uint64_t *own, char *error, size_t size) {
    return prof_reader_operations_visit(reader, tree, category, own, NULL, NULL, error, size);
}

prof_reader_operations *prof_reader_operations_visit(const prof_reader *reader, prof_reader_tree *tree, uint32_t category,
                                                     uint64_t *own, prof_reader_visit *visit, void *to, char *error, size_t size) {
    work w = {.reader = reader,
              .tree = tree,
              .place = tree->place,
              .category = category,
              .own = own,
              .visit = visit,
              .to = to,
              .error = error,
              .error_size = size};
    if (tree->place == NULL) {
        prof_reader_fail(error, size, "has no operations");
        return NULL;
    }
    prof_reader_fail(error, size, "does not fit into memory");
    w.out = calloc(1, sizeof *w.out);
    if (w.out == NULL || read_codes(&w) != 0 || make_room(&w) != 0 || read_live(&w) != 0 || read_operands(&w) != 0) goto error;
    w.out->label_count = (uint32_t)reader->info.label_count;
    for (uint32_t i = 0; i < w.count; i++) describe(&w, &w.solvers[i], &w.out->codes[i]);
    if (solve_all(&w) != 0) goto error;
    prof_reader_bound(tree, own);
    work_free(&w);
    return w.out;
error:
    work_free(&w);
    prof_reader_operations_free(w.out);
    return NULL;
}

void prof_reader_operations_free(prof_reader_operations *operations) {
    if (operations == NULL) return;
    free(operations->rows);
    free(operations->codes);
    free(operations->by_label);
    free(operations->inexact);
    free(operations->operands);
    free(operations->edges);
    free(operations);
}
