#include "flow.h"

#include <stdlib.h>
#include <string.h>

#include "tables.h"

int prof_flow_falls(const prof_instruction *i) {
    switch (i->kind) {
    case PROF_FLOW_JUMP:
    case PROF_FLOW_RETURN:
    case PROF_FLOW_YIELD:
    case PROF_FLOW_RAISE:
    case PROF_FLOW_RERAISE: return 0;
    default: return 1;
    }
}

uint32_t prof_flow_find(const prof_flow *flow, uint32_t unit) {
    uint32_t low = 0, high = flow->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (flow->instructions[middle].lies <= unit) low = middle;
        else high = middle;
    }
    return low;
}

void prof_flow_free(prof_flow *flow) {
    free(flow->instructions);
    free(flow->edges);
    free(flow->handlers);
    free(flow->at);
    free(flow->first);
    memset(flow, 0, sizeof *flow);
}

int prof_flow_yields(const prof_flow *flow, const prof_edge *e) {
    return e->kind == PROF_EDGE_EXIT && flow->instructions[e->instruction].kind == PROF_FLOW_YIELD;
}

int prof_flow_closes(const prof_flow *flow, const prof_edge *e) {
    return prof_flow_yields(flow, e) || (e->kind == PROF_EDGE_EXIT && flow->instructions[e->instruction].kind == PROF_FLOW_RETURN);
}

/* What the passes share. */
typedef struct {
    prof_flow *flow;
    const prof_flow_source *source;
    const prof_flow_rules *rules;
    uint32_t body; /* instruction of the first RESUME */
} build;

/* ---- instructions ------------------------------------------------------------------------------------------------ */

static void decode(build *b) {
    prof_flow *f = b->flow;
    prof_code_reader r = {.code = b->source->code, .units = f->units};
    while (prof_code_next(&r, b->rules)) {
        if (!r.op) continue; /* CACHE: of an interpreter that does not tell how many there are */
        f->at[r.start] = f->at[r.unit] = f->count;
        f->instructions[f->count++] = (prof_instruction){.start = r.start,
                                                         .unit = r.unit,
                                                         .arg = r.arg,
                                                         .target = PROF_NONE,
                                                         .handler = PROF_NO_HANDLER,
                                                         .op = r.op,
                                                         .kind = b->rules->flow[r.op]};
    }
}

/* Finds the RESUME where the body begins. 0, or -1 for none. */
static int find_body(build *b) {
    const prof_flow *f = b->flow;
    while (b->body < f->count &&
           !(f->instructions[b->body].kind == PROF_FLOW_RESUME && !(f->instructions[b->body].arg & b->rules->resume_place)))
        b->body++;
    return b->body < f->count ? 0 : -1;
}

static uint32_t next_unit(const build *b, const prof_instruction *i) { return i->unit + 1 + b->rules->caches[i->op]; }

/* Jump targets as instructions. 0, or -1 for one that leads nowhere. */
static int resolve(build *b) {
    prof_flow *f = b->flow;
    for (uint32_t k = 0; k < f->count; k++) {
        prof_instruction *i = &f->instructions[k];
        if (i->kind != PROF_FLOW_JUMP && i->kind != PROF_FLOW_BRANCH && i->kind != PROF_FLOW_FOR && i->kind != PROF_FLOW_SEND)
            continue;
        uint32_t next = next_unit(b, i);
        uint32_t to = b->rules->backward[i->op] ? next - i->arg : next + i->arg;
        if (i->kind == PROF_FLOW_FOR) to += b->rules->end_for;
        if (to >= f->units || f->at[to] == PROF_NONE) return -1;
        i->target = f->at[to];
    }
    return 0;
}

/* ---- handlers ------------------------------------------------------------------------------------------------------ */

static uint16_t handler_number(prof_flow *f, uint32_t instruction, uint32_t depth_lasti) {
    for (uint32_t h = 0; h < f->handler_count; h++)
        if (f->handlers[h].instruction == instruction)
            return f->handlers[h].depth_lasti == depth_lasti ? (uint16_t)h : PROF_NO_HANDLER;
    if (f->handler_count >= PROF_NO_HANDLER) return PROF_NO_HANDLER;
    f->handlers[f->handler_count] = (prof_flow_handler){instruction, depth_lasti};
    return (uint16_t)f->handler_count++;
}

/* 0, or -1 for a table that this does not understand: two ways into one handler. */
static int read_handlers(build *b) {
    prof_flow *f = b->flow;
    const uint8_t *at = b->source->table, *end = at + b->source->table_size;
    prof_handler e;
    while (prof_handler_read(&at, end, &e)) {
        if (e.handler >= f->units || e.end > f->units || f->at[e.handler] == PROF_NONE) return -1;
        uint16_t h = handler_number(f, f->at[e.handler], e.depth_lasti);
        if (h == PROF_NO_HANDLER) return -1;
        for (uint32_t u = e.start; u < e.end; u++)
            if (f->at[u] != PROF_NONE) f->instructions[f->at[u]].handler = h;
    }
    if (!b->rules->jump_raises_at_target) return 0;
    for (uint32_t k = 0; k < f->count; k++) {
        prof_instruction *i = &f->instructions[k];
        if (i->kind == PROF_FLOW_JUMP && b->rules->backward[i->op] && i->target)
            i->handler = f->instructions[i->target - 1].handler;
    }
    return 0;
}

/* ---- blocks --------------------------------------------------------------------------------------------------------- */

static int ends_block(const prof_instruction *i) { return i->target != PROF_NONE || !prof_flow_falls(i); }

static void find_blocks(build *b, uint8_t *leads) {
    prof_flow *f = b->flow;
    for (uint32_t k = b->body; k < f->count; k++) {
        const prof_instruction *i = &f->instructions[k];
        if (i->target != PROF_NONE) leads[i->target] = 1;
        if (ends_block(i) && k + 1 < f->count) leads[k + 1] = 1;
        if (i->kind == PROF_FLOW_RESUME) leads[k] = 1;
    }
    for (uint32_t h = 0; h < f->handler_count; h++) leads[f->handlers[h].instruction] = 1;
    for (uint32_t k = b->body; k < f->count; k++) {
        if (leads[k]) f->first[++f->block_count] = k;
        f->instructions[k].block = f->block_count;
    }
    f->first[f->block_count + 1] = f->count;
}

/* ---- edges ---------------------------------------------------------------------------------------------------------- */

static void edge(prof_flow *f, uint8_t kind, uint32_t from, uint32_t to, uint32_t instruction) {
    f->edges[f->edge_count++] = (prof_edge){.from = from, .to = to, .instruction = instruction, .counter = PROF_NONE, .kind = kind};
}

static void edges_of(build *b, uint32_t block) {
    prof_flow *f = b->flow;
    uint32_t first = f->first[block], last = f->first[block + 1] - 1;
    const prof_instruction *i = &f->instructions[last];
    uint32_t to = i->target == PROF_NONE ? 0 : f->instructions[i->target].block;
    if (f->instructions[first].kind == PROF_FLOW_RESUME) edge(f, PROF_EDGE_ENTRY, 0, block, first);
    switch (i->kind) {
    case PROF_FLOW_RETURN:
    case PROF_FLOW_YIELD:
    case PROF_FLOW_RERAISE: edge(f, PROF_EDGE_EXIT, block, 0, last); return;
    case PROF_FLOW_RAISE: return;
    case PROF_FLOW_JUMP: edge(f, PROF_EDGE_JUMP, block, to, last); return;
    case PROF_FLOW_FOR:
    case PROF_FLOW_BRANCH:
    case PROF_FLOW_SEND:
        edge(f, PROF_EDGE_FALL, block, block + 1, last);
        edge(f, i->kind == PROF_FLOW_FOR && b->rules->end_for ? PROF_EDGE_DONE : PROF_EDGE_TAKEN, block, to, last);
        if (i->kind == PROF_FLOW_SEND && b->rules->throw_ends_send) edge(f, PROF_EDGE_THROWN, 0, to, last);
        return;
    default:
        if (block < f->block_count) edge(f, PROF_EDGE_NEXT, block, block + 1, last);
    }
}

/* Whether a jump to the block can land in front of it without meeting anybody: nothing falls or is thrown to there. */
static int lies_apart(const build *b, uint32_t block) {
    const prof_flow *f = b->flow;
    uint32_t first = f->first[block];
    for (uint32_t h = 0; h < f->handler_count; h++)
        if (f->handlers[h].instruction == first) return 0;
    if (!first || prof_flow_falls(&f->instructions[first - 1])) return 0;
    uint32_t back = f->instructions[first - 1].target; /* of the loop around SEND, behind which throw() may go on */
    return !b->rules->throw_ends_send || back == PROF_NONE || f->instructions[back].kind != PROF_FLOW_SEND;
}

static void place(const build *b, prof_edge *e, const uint32_t *ways) {
    switch (e->kind) {
    case PROF_EDGE_EXIT:
    case PROF_EDGE_JUMP: e->place = PROF_PLACE_BEFORE; return;
    case PROF_EDGE_DONE: e->place = PROF_PLACE_DONE; return;
    case PROF_EDGE_TAKEN: break;
    default: e->place = PROF_PLACE_BEHIND; return;
    }
    if (ways[e->to] == 1) e->place = PROF_PLACE_AT;
    else if (lies_apart(b, e->to)) e->place = PROF_PLACE_EARLY;
    else e->place = PROF_PLACE_APART;
}

static void count_ways(const prof_flow *f, uint32_t *ways) {
    for (uint32_t k = 0; k < f->edge_count; k++) ways[f->edges[k].to]++;
    for (uint32_t h = 0; h < f->handler_count; h++) ways[f->instructions[f->handlers[h].instruction].block]++;
}

/* Not too many edges land early: each jumps over those before it. */
enum { MOST_EARLY = 32 };
static void settle_places(prof_flow *f, uint32_t *early) {
    memset(early, 0, (f->block_count + 1) * sizeof *early);
    for (uint32_t k = 0; k < f->edge_count; k++) {
        prof_edge *e = &f->edges[k];
        if (e->counter == PROF_NONE || e->place != PROF_PLACE_EARLY) continue;
        if (early[e->to]++ >= MOST_EARLY) e->place = PROF_PLACE_APART;
    }
}

/* How often an edge is thought to run: ten times as often in a loop, half at a branch, seldom out of a loop. */
static float weight(const build *b, const prof_edge *e, const uint32_t *depth) {
    float times = 1;
    uint32_t inside = e->from ? e->from : e->to;
    for (uint32_t d = depth[inside]; d && times < 1e9f; d--) times *= 10;
    int is_for = b->flow->instructions[e->instruction].kind == PROF_FLOW_FOR;
    if (e->kind == PROF_EDGE_FALL || e->kind == PROF_EDGE_TAKEN || e->kind == PROF_EDGE_DONE) {
        if (is_for) return times * (e->kind == PROF_EDGE_FALL ? .9f : .1f);
        return times * (depth[e->to] >= depth[e->from] ? .5f : .1f);
    }
    return times;
}

static void weigh(build *b, uint32_t *depth, int32_t *change) {
    prof_flow *f = b->flow;
    for (uint32_t k = 0; k < f->edge_count; k++) {
        const prof_edge *e = &f->edges[k];
        if (!e->from || !e->to || e->to > e->from) continue;
        /* A loop from its head to the last block that jumps back; several jumps back are one loop. */
        if (change[e->to] < (int32_t)e->from + 1) change[e->to] = (int32_t)e->from + 1;
    }
    for (uint32_t head = 1; head <= f->block_count; head++)
        for (uint32_t n = head; change[head] && n < (uint32_t)change[head]; n++) depth[n]++;
    int measured = b->source->weights && b->source->weight_count == f->edge_count;
    for (uint32_t k = 0; k < f->edge_count; k++) {
        prof_edge *e = &f->edges[k];
        e->weight = measured ? (float)b->source->weights[k] : weight(b, e, depth);
        if (e->place == PROF_PLACE_APART) e->weight *= 1.4f;               /* its counter takes a jump, too */
        if (b->source->spans && prof_flow_closes(f, e)) e->weight *= 0.2f; /* it takes no probe of its own */
    }
}

/* ---- the spanning tree ------------------------------------------------------------------------------------------------ */

static uint32_t root_of(uint32_t *above, uint32_t n) {
    while (above[n] != n) n = above[n] = above[above[n]];
    return n;
}

static int heavier(const void *a, const void *b) {
    const prof_edge *x = *(const prof_edge *const *)a, *y = *(const prof_edge *const *)b;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* The edges that close a circle get counters. The span's calls are a counter that costs nothing. */
static void choose(prof_flow *f, uint32_t *above, prof_edge **order, int spans, uint8_t resume_place) {
    uint32_t n = 0;
    for (uint32_t k = 0; k <= f->block_count; k++) above[k] = k;
    for (uint32_t k = 0; k < f->edge_count; k++) {
        prof_edge *e = &f->edges[k];
        if (spans && e->kind == PROF_EDGE_ENTRY && !(f->instructions[e->instruction].arg & resume_place))
            e->counter = PROF_CALLS_COUNTER;
        else if (e->kind == PROF_EDGE_THROWN) e->counter = f->counter_count++;
        else order[n++] = e;
    }
    qsort(order, n, sizeof *order, heavier);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t x = root_of(above, order[k]->from), y = root_of(above, order[k]->to);
        if (x == y) order[k]->counter = f->counter_count++;
        above[x] = y;
    }
}

/* ---- the whole -------------------------------------------------------------------------------------------------------- */

/* Elements of what is counted in instructions or blocks. */
static size_t room(const prof_flow_source *source) { return (size_t)source->units + 2; }

/* Makes the arrays, with room for so many edges a unit, and reads the instructions. As prof_flow_build, but frees nothing. */
static int start(build *b, size_t edges) {
    prof_flow *f = b->flow;
    size_t n = room(b->source);
    memset(f, 0, sizeof *f);
    f->units = b->source->units;
    f->instructions = malloc(n * sizeof *f->instructions);
    f->edges = malloc(n * edges * sizeof *f->edges);
    f->handlers = malloc(n * sizeof *f->handlers);
    f->at = malloc(n * sizeof *f->at);
    f->first = calloc(n, sizeof *f->first);
    if (!f->instructions || !f->edges || !f->handlers || !f->at || !f->first) return -1;
    memset(f->at, 0xff, n * sizeof *f->at);
    decode(b);
    return find_body(b) ? 1 : 0;
}

int prof_flow_build(prof_flow *flow, const prof_flow_source *source, const prof_flow_rules *rules) {
    build b = {.flow = flow, .source = source, .rules = rules};
    size_t n = room(source);
    int result = start(&b, 4);
    uint8_t *leads = calloc(n, 1);
    uint32_t *words = calloc(n * 2, sizeof *words);
    prof_edge **order = malloc(n * 4 * sizeof *order);
    if (!leads || !words || !order) result = -1;
    if (result) goto end;
    result = 1;
    if (resolve(&b) || read_handlers(&b)) goto end;
    find_blocks(&b, leads);
    for (uint32_t block = 1; block <= flow->block_count; block++) edges_of(&b, block);
    count_ways(flow, words);
    for (uint32_t k = 0; k < flow->edge_count; k++) place(&b, &flow->edges[k], words);
    memset(words, 0, n * sizeof *words);
    weigh(&b, words, (int32_t *)(words + n));
    choose(flow, words, order, source->spans, rules->resume_place);
    settle_places(flow, words);
    result = 0;
end:
    free(leads);
    free(words);
    free(order);
    if (result) prof_flow_free(flow);
    return result;
}

/* ---- for events ------------------------------------------------------------------------------------------------------- */

static void edge_of_events(prof_flow *f, uint8_t kind, uint32_t from, uint32_t to, uint32_t instruction) {
    edge(f, kind, from, to, instruction);
    f->edges[f->edge_count - 1].counter = f->counter_count++;
    f->edges[f->edge_count - 1].place = PROF_PLACE_BEHIND;
}

static void count_each(build *b) {
    prof_flow *f = b->flow;
    for (uint32_t k = b->body; k < f->count; k++) {
        prof_instruction *i = &f->instructions[k];
        i->lies = i->unit;
        i->block = ++f->block_count;
        f->first[i->block] = k;
        edge_of_events(f, PROF_EDGE_ENTRY, 0, i->block, k);
    }
    f->first[f->block_count + 1] = f->count;
    for (uint32_t k = b->body; k < f->count; k++)
        if (prof_flow_branches(&f->instructions[k])) edge_of_events(f, PROF_EDGE_TAKEN, f->instructions[k].block, 0, k);
}

int prof_flow_build_for_events(prof_flow *flow, const prof_flow_source *source, const prof_flow_rules *rules) {
    build b = {.flow = flow, .source = source, .rules = rules};
    int result = start(&b, 2);
    if (result) prof_flow_free(flow);
    else count_each(&b);
    return result;
}
