#include "rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "python/version/version.h"
#include "tables.h"

/* ---- snippets: what is inserted ---------------------------------------------------------------------------------- */

typedef struct {
    uint8_t bytes[32];
    uint8_t units;
} snippet;

static void emit(snippet *s, uint8_t op, uint32_t arg) {
    for (int shift = 24; shift; shift -= 8) {
        if (!(arg >> shift)) continue;
        s->bytes[2 * s->units] = prof_opcode.rules.extended_arg;
        s->bytes[2 * s->units++ + 1] = (uint8_t)(arg >> shift);
    }
    s->bytes[2 * s->units] = op;
    s->bytes[2 * s->units++ + 1] = (uint8_t)arg;
}

static snippet probe(uint32_t constant, uint8_t operator) {
    snippet s = {.units = 0};
    emit(&s, prof_opcode.load_const, constant);
    emit(&s, operator, 0);
    emit(&s, prof_opcode.pop_top, 0);
    return s;
}

/* del constant[offset], with the offset below the exception on top; where the offset is no object, ~constant, which finds it on the
 * stack. Then, if the handler does not know of the offset, without it. */
static snippet recorder(uint32_t constant, int keep_offset) {
    snippet s = {.units = 0};
    if (PROF_QUIRK_OFFSET_IS_TAGGED) {
        s = probe(constant, prof_opcode.unary_invert);
    } else {
        emit(&s, prof_opcode.load_const, constant);
        emit(&s, prof_opcode.copy, 3);
        emit(&s, prof_opcode.delete_subscr, 0);
    }
    if (keep_offset) return s;
    emit(&s, prof_opcode.swap, 2);
    emit(&s, prof_opcode.pop_top, 0);
    return s;
}

/* del constant[iterator], with the iterator that is delegated to below the value to be yielded. */
static snippet await(uint32_t constant) {
    snippet s = {.units = 0};
    emit(&s, prof_opcode.load_const, constant);
    emit(&s, prof_opcode.copy, PROF_QUIRK_SEND_HAS_INDEX ? 4 : 3);
    emit(&s, prof_opcode.delete_subscr, 0);
    return s;
}

/* s[right] = left, or del s[receiver], with the operands on top of the stack, where they stay. */
static snippet sampler(uint32_t constant, int operands) {
    snippet s = {.units = 0};
    emit(&s, prof_opcode.copy, (uint32_t)operands);
    emit(&s, prof_opcode.load_const, constant);
    if (operands == 1) {
        emit(&s, prof_opcode.swap, 2);
        emit(&s, prof_opcode.delete_subscr, 0);
        return s;
    }
    emit(&s, prof_opcode.copy, 3);
    emit(&s, prof_opcode.store_subscr, 0);
    s.units += prof_opcode.rules.caches[prof_opcode.store_subscr];
    return s;
}

/* A snippet between two instructions, at the first unit of the second. A jump to there lands before what stands BEFORE it
 * and after what stands BEHIND the first one; in each of the two places, lower ranks come first. */
typedef struct {
    uint32_t unit;
    uint8_t side;
    int rank;
    snippet what;
} insertion;
enum { BEHIND, BEFORE };

/* Where control is counted apart: a jump's counter behind the code, and the way back to its target. */
typedef struct {
    uint32_t unit;  /* of the target */
    uint32_t from;  /* of the jump */
    uint32_t at;    /* unit where it lies */
    uint32_t width; /* EXTENDED_ARGs of the jump back */
    snippet what;
} detour;

/* ---- the plan of one code object ----------------------------------------------------------------------------------- */

/* First unit, that of the operation, its EXTENDED_ARGs; the detour it takes, from 1; how many units early it lands, in what
 * stands BEHIND there. */
typedef struct {
    uint32_t start, unit, arg, width, detour, early;
} jump;
typedef struct {
    uint32_t start, unit;
} span_return;
typedef struct {
    uint32_t unit, previous;
} yield;
typedef struct {
    uint32_t start, end, suspended;
} range;
typedef struct {
    uint32_t handler, depth_lasti, at;
} trampoline;

typedef struct {
    const uint8_t *code;
    uint32_t units;
    uint32_t resume; /* unit of RESUME 0 */
    uint32_t depth;  /* no stack is deeper */
    snippet enter, resume_span, raise;
    uint32_t span, suspend; /* constants of the probes, from 1; 0 none */
    /* By unit, units + 1 long (one Owned block): */
    uint32_t *behind; /* units of the insertions at this unit */
    uint32_t *before;
    uint8_t *widen;  /* EXTENDED_ARG units that a jump beginning here needs more */
    uint32_t *lands; /* where a jump to this unit lands */
    uint32_t *lies;  /* where the instruction at this unit lies */
    uint32_t *grow;  /* units added to the instruction, for the location table */
    uint32_t *exits; /* constant of the counter of who leaves here, from 1; 0 none, or it stands elsewhere */
    /* Owned lists, as long as the code at most: */
    jump *jumps;
    span_return *returns;
    yield *yields;
    uint32_t *sends; /* 3.11: unit behind the JUMP_BACKWARD_NO_INTERRUPT of yields[i]; 0 none */
    range *closed;   /* where the span is not open, new units */
    trampoline *trampolines;
    uint32_t jump_count, return_count, yield_count, closed_count, trampoline_count;
    insertion *insertions; /* Owned, growing */
    detour *detours;       /* Owned, growing */
    uint32_t insertion_count, detour_count;
    uint32_t main; /* units of the code without detours */
    prof_bytes out, tail, table;
    int spans;     /* whether it has a span; else it only counts */
    int recorders; /* whether a recorder stands before each handler */
    int awaits;    /* whether it is a coroutine's or an asynchronous generator's */
    void *block;
} plan;

/* One block for all arrays. 0, or -1 without memory. */
static int plan_allocate(plan *p) {
    size_t n = (size_t)p->units + 1, m = n + 1;
    size_t words = n * 6 + n * (sizeof(jump) + sizeof(span_return) + sizeof(yield)) / 4 + n + m * 3 * sizeof(range) / 4;
    p->block = calloc(words * 4 + n, 1);
    if (!p->block) return -1;
    uint32_t *w = p->block;
    p->lands = w, w += n;
    p->lies = w, w += n;
    p->grow = w, w += n;
    p->exits = w, w += n;
    p->jumps = (jump *)w, w += n * sizeof(jump) / 4;
    p->returns = (span_return *)w, w += n * sizeof(span_return) / 4;
    p->yields = (yield *)w, w += n * sizeof(yield) / 4;
    p->sends = w, w += n;
    p->closed = (range *)w, w += m * 3 * sizeof(range) / 4;
    p->behind = w, w += n;
    p->before = w, w += n;
    p->widen = (uint8_t *)w;
    return 0;
}

static void plan_free(plan *p) {
    prof_bytes_free(&p->out);
    prof_bytes_free(&p->tail);
    prof_bytes_free(&p->table);
    free(p->trampolines);
    free(p->insertions);
    free(p->detours);
    free(p->block);
}

/* ---- decode ----------------------------------------------------------------------------------------------------------- */

/* Finds jumps, returns, yields and the first RESUME. 0 when there is none: such code cannot be probed. */
static int decode(plan *p) {
    uint32_t previous = 0;
    int found = 0;
    prof_code_reader r = {.code = p->code, .units = p->units};
    for (; prof_code_next(&r, &prof_opcode.rules); previous = r.unit) {
        uint8_t kind = prof_opcode.kind[r.op];
        if (kind == PROF_I_FORWARD || kind == PROF_I_BACKWARD || kind == PROF_I_ORIGIN)
            p->jumps[p->jump_count++] = (jump){r.start, r.unit, r.arg, r.unit - r.start, 0, 0};
        else if (kind == PROF_I_RETURN) p->returns[p->return_count++] = (span_return){r.start, r.unit};
        else if (kind == PROF_I_YIELD) p->yields[p->yield_count++] = (yield){r.unit, previous};
        else if (kind == PROF_I_RESUME && !(r.arg & prof_opcode.rules.resume_place) && !found) found = 1, p->resume = r.unit;
    }
    return found;
}

/* ---- place ------------------------------------------------------------------------------------------------------------ */

/* Room for one more entry in a list that doubles; NULL without memory. */
static void *list_room(plan *p, void *list, uint32_t count, size_t size) {
    if (count & (count - 1) || (count && count < 4)) return list;
    void *bigger = realloc(list, (count < 4 ? 4 : 2 * (size_t)count) * size);
    if (!bigger) p->table.failed = 1;
    return bigger;
}

/* Puts `what` at `unit`; its location is that of the instruction at `owner`. */
static void insert(plan *p, uint32_t unit, uint8_t side, int rank, const snippet *what, uint32_t owner) {
    insertion *bigger = what->units ? list_room(p, p->insertions, p->insertion_count, sizeof *bigger) : NULL;
    if (!bigger) return; /* code without a span has nothing in the places of its probes */
    p->insertions = bigger;
    p->insertions[p->insertion_count++] = (insertion){.unit = unit, .side = side, .rank = rank, .what = *what};
    (side == BEHIND ? p->behind : p->before)[unit] += what->units;
    p->grow[owner] += what->units;
}

enum { FIRST, SECOND, THIRD }; /* ranks */

enum { EXITS, AWAITS, SENDS = 2 };

/* Before the instruction at `unit`, which leaves: -probe closes the span, or -counter counts that and closes it. An await (AWAITS) is
 * told of as that; with SENDS, a SEND that never runs follows. */
static void place_exit(plan *p, uint32_t start, uint32_t unit, uint32_t closing, int how) {
    snippet s = {.units = 0};
    uint32_t constant = (p->exits[unit] ? p->exits[unit] : closing) - 1;
    if (!closing) p->exits[unit] = 0;
    else s = how & AWAITS ? await(constant) : probe(constant, prof_opcode.unary_negative);
    if (how & SENDS) {
        emit(&s, prof_opcode.jump_forward, 1);
        emit(&s, prof_opcode.send, 0);
    }
    insert(p, start, BEFORE, SECOND, &s, start);
}

/* The unit behind the instruction at `unit` and its caches. */
static uint32_t behind(const plan *p, uint32_t unit) { return unit + 1 + prof_opcode.rules.caches[p->code[2 * unit]]; }

static void place_behind(plan *p, uint32_t unit, const snippet *what) { insert(p, behind(p, unit), BEHIND, FIRST, what, unit); }

static void place(plan *p) {
    place_behind(p, p->resume, &p->enter);
    for (uint32_t i = 0; i < p->return_count; i++) place_exit(p, p->returns[i].start, p->returns[i].unit, p->span, EXITS);
    for (uint32_t i = 0; i < p->yield_count; i++) {
        uint32_t y = p->yields[i].unit, resume = y + 1;
        if (resume >= p->units || prof_opcode.kind[p->code[2 * resume]] != PROF_I_RESUME) {
            p->exits[y] = 0;
            continue;
        }
        place_behind(p, resume, &p->resume_span);
        int delegates = p->code[2 * p->yields[i].previous] == prof_opcode.send, how = p->awaits && delegates ? AWAITS : EXITS;
        if (PROF_QUIRK_SEND_BEFORE_YIELD && delegates) {
            /* throw() into the generator reads the unit before YIELD_VALUE, takes it for SEND, and goes on at its
             * target. So a SEND that never runs stands there, and its target resumes the span. */
            uint32_t back = resume + 1;
            while (p->code[2 * back] == prof_opcode.rules.extended_arg) back++;
            place_behind(p, back, &p->resume_span);
            p->sends[i] = back + 1;
            place_exit(p, y, y, p->suspend, how | SENDS);
        } else {
            place_exit(p, y, y, p->suspend, how);
        }
    }
}

/* Constants `first` and on are the samplers. */
static void place_samplers(plan *p, const prof_flow *flow, uint32_t first) {
    for (uint32_t k = 0; k < flow->count; k++) {
        const prof_instruction *i = &flow->instructions[k];
        if (!prof_has_sampler(i)) continue;
        snippet what = sampler(first++, prof_opcode.operands[i->op]);
        insert(p, i->start, BEFORE, SECOND, &what, i->start);
    }
}

/* Counters that need no place of their own: the probe that closes the span there counts. */
static void find_exits(plan *p, const prof_flow *flow, uint32_t first) {
    for (uint32_t k = 0; k < flow->edge_count; k++) {
        const prof_edge *e = &flow->edges[k];
        if (e->counter < flow->counter_count && prof_flow_closes(flow, e))
            p->exits[flow->instructions[e->instruction].unit] = first + e->counter + 1;
    }
}

static jump *jump_at(plan *p, uint32_t unit) {
    uint32_t low = 0, high = p->jump_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (p->jumps[middle].unit <= unit) low = middle;
        else high = middle;
    }
    return &p->jumps[low];
}

static void place_apart(plan *p, jump *j, uint32_t unit, const snippet *what) {
    detour *bigger = list_room(p, p->detours, p->detour_count, sizeof *bigger);
    if (!bigger) return;
    p->detours = bigger;
    p->detours[p->detour_count++] = (detour){.unit = unit, .from = j->unit, .what = *what};
    j->detour = p->detour_count;
}

/* Puts `what` in front of `unit`, where nobody but the jump lands; what stands there already is jumped over. */
static void place_early(plan *p, jump *j, uint32_t unit, const snippet *what) {
    snippet s = *what;
    if (p->behind[unit]) emit(&s, prof_opcode.jump_forward, p->behind[unit]);
    insert(p, unit, BEHIND, FIRST - (int)p->behind[unit], &s, unit);
    j->early = p->behind[unit];
}

static void place_counter(plan *p, const prof_flow *flow, const prof_edge *e, const snippet *what) {
    const prof_instruction *i = &flow->instructions[e->instruction];
    uint32_t next = behind(p, i->unit);
    /* NOT_TAKEN tells monitoring of the branch, as of what ran before it: nothing may stand between the two. */
    if (i->kind == PROF_FLOW_BRANCH && prof_opcode.not_taken && p->code[2 * next] == prof_opcode.not_taken) next++;
    uint32_t to = e->to ? flow->instructions[flow->first[e->to]].start : 0;
    switch (e->place) {
    case PROF_PLACE_BEFORE: insert(p, i->start, BEFORE, FIRST, what, i->start); break;
    case PROF_PLACE_BEHIND:
        if (e->kind == PROF_EDGE_THROWN) insert(p, to, BEHIND, THIRD, what, to);
        else insert(p, next, BEHIND, THIRD, what, i->start);
        break;
    case PROF_PLACE_AT: insert(p, to, BEFORE, FIRST, what, to); break;
    case PROF_PLACE_EARLY: place_early(p, jump_at(p, i->unit), to, what); break;
    case PROF_PLACE_DONE: insert(p, to, BEHIND, THIRD, what, to); break;
    default: place_apart(p, jump_at(p, i->unit), to, what);
    }
}

/* Constants `first` and on are the counters, then the recorders. */
static void place_counters(plan *p, const prof_flow *flow, uint32_t first) {
    for (uint32_t k = 0; k < flow->edge_count; k++) {
        const prof_edge *e = &flow->edges[k];
        if (e->counter >= flow->counter_count) continue;
        if (p->exits[flow->instructions[e->instruction].unit] && prof_flow_closes(flow, e)) continue;
        snippet what = probe(first + e->counter, prof_opcode.unary_invert);
        place_counter(p, flow, e, &what);
    }
    for (uint32_t h = 0; h < flow->handler_count; h++) {
        uint32_t unit = flow->instructions[flow->handlers[h].instruction].start;
        snippet what = recorder(first + flow->counter_count + h, flow->handlers[h].depth_lasti & 1);
        insert(p, unit, BEHIND, FIRST, &what, unit);
    }
}

/* ---- assemble --------------------------------------------------------------------------------------------------------- */

static uint32_t width_for(uint32_t arg) { return arg < 1u << 8 ? 0 : arg < 1u << 16 ? 1 : arg < 1u << 24 ? 2 : 3; }

static void positions(plan *p) {
    uint32_t added = 0;
    for (uint32_t u = 0; u <= p->units; u++) {
        added += p->behind[u];
        p->lands[u] = u + added;
        added += p->widen[u] + p->before[u];
        p->lies[u] = u + added;
    }
    uint32_t at = p->main = p->units + added;
    for (uint32_t k = 0; k < p->detour_count; k++) {
        p->detours[k].at = at;
        at += p->detours[k].what.units + p->detours[k].width + 1;
    }
}

static int is_backward(const plan *p, const jump *j) {
    return !j->detour && prof_opcode.kind[p->code[2 * j->unit]] != PROF_I_FORWARD;
}

/* Unit of the old code that it jumps to. */
static uint32_t target(const plan *p, const jump *j) {
    uint8_t op = p->code[2 * j->unit];
    uint32_t next = behind(p, j->unit);
    return prof_opcode.kind[op] == PROF_I_FORWARD ? next + j->arg : next - j->arg;
}

static uint32_t distance(const plan *p, const jump *j) {
    uint8_t op = p->code[2 * j->unit];
    uint32_t from = p->lies[j->unit] + 1 + prof_opcode.rules.caches[op], to = target(p, j);
    if (j->detour) return p->detours[j->detour - 1].at - from;
    to = prof_opcode.kind[op] == PROF_I_ORIGIN ? p->lies[to] : p->lands[to] - j->early;
    return is_backward(p, j) ? from - to : to - from;
}

static uint32_t distance_back(const plan *p, const detour *d) { return d->at + d->what.units + d->width + 1 - p->lands[d->unit]; }

/* Lays the code out; a jump that became too long for its argument is widened, until none is. */
static void layout(plan *p) {
    int again = 1;
    while (again) {
        again = 0;
        positions(p);
        for (uint32_t k = 0; k < p->jump_count; k++) {
            jump *j = &p->jumps[k];
            uint32_t need = width_for(distance(p, j));
            if (need <= j->width) continue;
            p->widen[j->start] += (uint8_t)(need - j->width);
            p->grow[j->start] += need - j->width;
            j->width = need;
            again = 1;
        }
        for (uint32_t k = 0; k < p->detour_count; k++) {
            uint32_t need = width_for(distance_back(p, &p->detours[k]));
            if (need <= p->detours[k].width) continue;
            p->detours[k].width = need;
            again = 1;
        }
    }
}

static int in_order(const void *a, const void *b) {
    const insertion *x = a, *y = b;
    if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    return x->side != y->side ? x->side - y->side : x->rank - y->rank;
}

/* Writes the insertions on one side of a unit, and moves on in the list. */
static void write_side(plan *p, uint32_t *next, uint32_t unit, uint8_t side) {
    for (; *next < p->insertion_count; ++*next) {
        const insertion *i = &p->insertions[*next];
        if (i->unit != unit || i->side != side) return;
        prof_bytes_add(&p->out, i->what.bytes, 2u * i->what.units);
    }
}

static void write_detours(plan *p) {
    for (uint32_t k = 0; k < p->detour_count; k++) {
        const detour *d = &p->detours[k];
        uint32_t back = distance_back(p, d);
        prof_bytes_add(&p->out, d->what.bytes, 2u * d->what.units);
        for (uint32_t w = d->width; w; w--) {
            prof_bytes_push(&p->out, prof_opcode.rules.extended_arg);
            prof_bytes_push(&p->out, (uint8_t)(back >> 8 * w));
        }
        prof_bytes_push(&p->out, prof_opcode.jump_back);
        prof_bytes_push(&p->out, (uint8_t)back);
    }
}

static void write_code(plan *p) {
    const uint8_t extended[2] = {prof_opcode.rules.extended_arg, 0};
    uint32_t copied = 0, next = 0;
    qsort(p->insertions, p->insertion_count, sizeof *p->insertions, in_order);
    for (uint32_t u = 0; u <= p->units; u++) {
        if (!p->behind[u] && !p->before[u] && !p->widen[u] && u < p->units) continue;
        prof_bytes_add(&p->out, p->code + 2 * copied, 2 * (size_t)(u - copied));
        copied = u;
        write_side(p, &next, u, BEHIND);
        write_side(p, &next, u, BEFORE);
        for (int k = 0; k < p->widen[u]; k++) prof_bytes_add(&p->out, extended, 2);
    }
    if (p->out.failed) return;
    for (uint32_t k = 0; k < p->jump_count; k++) {
        const jump *j = &p->jumps[k];
        uint32_t d = distance(p, j), at = p->lies[j->unit];
        if (j->detour) p->out.data[2 * at] = prof_opcode.forward[p->code[2 * j->unit]];
        for (uint32_t w = 0; w <= j->width; w++, d >>= 8) p->out.data[2 * (at - w) + 1] = (uint8_t)d;
    }
    for (uint32_t i = 0; i < p->yield_count; i++) {
        if (!p->sends[i]) continue;
        uint32_t send = p->lies[p->yields[i].unit] - 1;
        uint32_t to = p->lands[p->sends[i]] - p->behind[p->sends[i]];
        p->out.data[2 * send + 1] = (uint8_t)(to - (send + 1));
    }
    write_detours(p);
}

/* ---- exceptions --------------------------------------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b) {
    const range *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* Units where the span is not open: up to the enter probe, from a leave probe's end to the return, and from a suspend
 * probe's end through the RESUME. */
static void find_closed(plan *p) {
    range *r = p->closed;
    if (!p->spans) return;
    *r++ = (range){0, p->lands[behind(p, p->resume)], 0};
    for (uint32_t i = 0; i < p->return_count; i++)
        *r++ = (range){p->lies[p->returns[i].start] - 1, p->lies[p->returns[i].unit] + 1, 0};
    for (uint32_t i = 0; i < p->yield_count; i++) {
        uint32_t y = p->lies[p->yields[i].unit];
        *r++ = (range){y - 1, y + 2 + prof_opcode.rules.caches[p->code[2 * p->resume]], 1};
        if (!p->sends[i]) continue;
        uint32_t resume = p->lands[p->sends[i]] - p->behind[p->sends[i]];
        *r++ = (range){resume - 1, resume, 1}; /* 3.11: where throw() raises */
    }
    p->closed_count = (uint32_t)(r - p->closed);
    qsort(p->closed, p->closed_count, sizeof *r, by_start);
}

/* The trampoline to a handler: resume the span, then raise again as if at the original instruction. */
static uint32_t trampoline_to(plan *p, uint32_t handler, uint32_t depth_lasti) {
    for (uint32_t i = 0; i < p->trampoline_count; i++)
        if (p->trampolines[i].handler == handler && p->trampolines[i].depth_lasti == depth_lasti) return p->trampolines[i].at;
    if (!(p->trampoline_count & (p->trampoline_count + 1)) || !p->trampolines) {
        size_t room = 2 * ((size_t)p->trampoline_count + 1);
        trampoline *bigger = realloc(p->trampolines, room * sizeof *bigger);
        if (!bigger) {
            p->tail.failed = 1;
            return 0;
        }
        p->trampolines = bigger;
    }
    uint32_t at = (uint32_t)((p->out.length + p->tail.length) / 2);
    const uint8_t reraise[2] = {prof_opcode.reraise, 1};
    prof_bytes_add(&p->tail, p->resume_span.bytes, 2u * p->resume_span.units);
    prof_bytes_add(&p->tail, reraise, 2);
    p->trampolines[p->trampoline_count++] = (trampoline){handler, depth_lasti, at};
    return at;
}

/* The handler of the whole function stands for "no handler" until its place, behind the trampolines, is known. */
#define WHOLE UINT32_MAX

/* Writes [start, end) under `handler`, cut where the span is closed. What is thrown into a suspended generator that has no
 * handler resumes the span too, and then leaves it: the call is completed. */
static void cover(plan *p, prof_bytes *entries, uint32_t start, uint32_t end, uint32_t handler, uint32_t depth_lasti,
                  uint32_t *next_closed) {
    while (start < end) {
        uint32_t k = *next_closed;
        while (k < p->closed_count && p->closed[k].end <= start) k++;
        *next_closed = k;
        prof_handler e = {start, end, handler, depth_lasti};
        if (k < p->closed_count && p->closed[k].start <= start) {
            if (p->closed[k].end < end) e.end = p->closed[k].end;
            if (handler != WHOLE || p->closed[k].suspended) {
                e.handler = trampoline_to(p, handler, depth_lasti);
                /* All of the stack is kept for the trampoline: what lies above the handler's part, such as the generator
                 * that a loop runs over, may run code when it is dropped, and that belongs into the resumed span. */
                e.depth_lasti = (PROF_PY_DEEP_HANDLERS ? p->depth << 1 : depth_lasti) | 1;
                prof_bytes_add(entries, &e, sizeof e);
            }
        } else {
            if (k < p->closed_count && p->closed[k].start < end) e.end = p->closed[k].start;
            prof_bytes_add(entries, &e, sizeof e);
        }
        start = e.end;
    }
}

static void write_exceptions(plan *p, const uint8_t *old, size_t length) {
    prof_bytes entries = {0};
    const uint8_t *at = old, *end = old + length;
    uint32_t total = (uint32_t)(p->out.length / 2), position = 0, next_closed = 0;
    prof_handler e;
    find_closed(p);
    while (prof_handler_read(&at, end, &e)) {
        uint32_t start = p->lands[e.start], stop = p->lands[e.end], handler = p->lands[e.handler];
        if (p->recorders) handler -= p->behind[e.handler], e.depth_lasti |= 1;
        cover(p, &entries, position, start, WHOLE, 1, &next_closed);
        cover(p, &entries, start, stop, handler, e.depth_lasti, &next_closed);
        position = stop;
    }
    cover(p, &entries, position, total, WHOLE, 1, &next_closed);
    for (uint32_t i = 0; i < p->trampoline_count; i++) {
        const trampoline *t = &p->trampolines[i];
        uint32_t units = p->resume_span.units + 1u;
        e = (prof_handler){t->at, t->at + units, t->handler, t->depth_lasti};
        prof_bytes_add(&entries, &e, sizeof e);
    }
    uint32_t whole = total + (uint32_t)(p->tail.length / 2);
    const uint8_t reraise[2] = {prof_opcode.reraise, 1};
    prof_bytes_add(&p->tail, p->raise.bytes, 2u * p->raise.units);
    prof_bytes_add(&p->tail, reraise, 2);
    for (size_t i = 0; i < entries.length; i += sizeof e) {
        memcpy(&e, entries.data + i, sizeof e);
        if (e.handler == WHOLE) e.handler = whole;
        prof_handler_write(&p->table, &e);
    }
    if (entries.failed) p->table.failed = 1;
    prof_bytes_free(&entries);
}

/* ---- locations ---------------------------------------------------------------------------------------------------------- */

/* The location table of the new code. A detour has the line of the jump that takes it, so that a tracer sees that jump lead
 * to its target; the trampolines and the handler behind have none. */
static void write_locations(plan *p, PyCodeObject *code, prof_bytes *out) {
    const uint8_t *table = (const uint8_t *)PyBytes_AS_STRING(code->co_linetable);
    size_t length = (size_t)PyBytes_GET_SIZE(code->co_linetable);
    prof_location_reader r, end;
    prof_locations_grow(out, table, length, p->grow, p->units, behind(p, p->resume) - 1, p->behind[behind(p, p->resume)]);
    prof_locations_open(&r, table, length, code->co_firstlineno);
    end = r;
    prof_locations_at(&end, UINT32_MAX);
    for (uint32_t k = 0; k < p->detour_count; k++) {
        const detour *d = &p->detours[k];
        prof_locations_add(out, prof_locations_at(&r, d->from)->line, d->what.units + d->width + 1, &end.line);
    }
    prof_locations_add(out, 0, (uint32_t)(p->tail.length / 2), &end.line);
}

/* ---- which instruction is which ------------------------------------------------------------------------------------------ */

/* What is inserted at a unit stands for it: a jump there means the program's instruction. */
static int write_runs(const plan *p, prof_plain *plain) {
    uint32_t behind = p->main;
    int failed = prof_plain_add(plain, 0, 0, PROF_RUN_COPIED);
    for (uint32_t u = 0; u < p->units; u++) {
        if (!p->behind[u] && !p->before[u] && !p->widen[u]) continue;
        failed |= prof_plain_add(plain, p->lands[u] - p->behind[u], u, PROF_RUN_INSERTED);
        failed |= prof_plain_add(plain, p->lies[u], u, PROF_RUN_COPIED);
    }
    for (uint32_t k = 0; k < p->detour_count; k++) {
        const detour *d = &p->detours[k];
        behind = d->at + d->what.units + d->width + 1;
        failed |= prof_plain_add(plain, d->at, d->unit, PROF_RUN_INSERTED);
    }
    return failed | prof_plain_add(plain, behind, p->resume, PROF_RUN_BEHIND);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

static PyObject *copy(PyCodeObject *code, PyObject *consts, plan *p, prof_bytes *locations) {
    /* The raise handler and the trampolines push the probe on top of the offset and the exception. */
    int stack = (code->co_stacksize > 2 ? code->co_stacksize : 2) + 4;
    PyObject *bytes = PyBytes_FromStringAndSize((char *)p->out.data, (Py_ssize_t)p->out.length);
    PyObject *lines = PyBytes_FromStringAndSize((char *)locations->data, (Py_ssize_t)locations->length);
    PyObject *handlers = PyBytes_FromStringAndSize((char *)p->table.data, (Py_ssize_t)p->table.length);
    PyObject *result = bytes && lines && handlers ? prof_code_copy(code, bytes, consts, lines, handlers, stack) : NULL;
    Py_XDECREF(bytes);
    Py_XDECREF(lines);
    Py_XDECREF(handlers);
    return result;
}

/* The constants with the probes behind them: counters, recorders, samplers, span, suspend, raise. */
static PyObject *consts_with(PyObject *consts, const prof_probe_set *probes) {
    const prof_flow *flow = probes->flow;
    Py_ssize_t n = PyTuple_GET_SIZE(consts), k = n + 1 + !!probes->span + !!probes->suspend;
    if (flow) k += flow->counter_count + flow->handler_count + probes->sampler_count;
    PyObject *all = PyTuple_New(k);
    if (!all) return NULL;
    for (k = 0; k < n; k++) PyTuple_SET_ITEM(all, k, Py_NewRef(PyTuple_GET_ITEM(consts, k)));
    for (uint32_t i = 0; flow && i < flow->counter_count; i++) PyTuple_SET_ITEM(all, k++, Py_NewRef(probes->counters[i]));
    for (uint32_t i = 0; flow && i < flow->handler_count; i++) PyTuple_SET_ITEM(all, k++, Py_NewRef(probes->recorders[i]));
    for (uint32_t i = 0; i < probes->sampler_count; i++) PyTuple_SET_ITEM(all, k++, Py_NewRef(probes->samplers[i]));
    if (probes->span) PyTuple_SET_ITEM(all, k++, Py_NewRef(probes->span));
    if (probes->suspend) PyTuple_SET_ITEM(all, k++, Py_NewRef(probes->suspend));
    PyTuple_SET_ITEM(all, k, Py_NewRef(probes->raise));
    return all;
}

/* What is inserted for the span; `first` is the constant of its probe. */
static void span_snippets(plan *p, const prof_probe_set *probes, uint32_t first) {
    p->span = first + 1;
    p->enter = probe(first, prof_opcode.unary_invert);
    /* Of code that cannot yield, only a return itself, raising out of a trace function, can need a trampoline. */
    p->resume_span = probe(first + 1, prof_opcode.unary_invert);
    if (probes->suspend) p->suspend = first + 2;
}

/* All the passes; `first` is the number of constants before the probes. */
static void rewrite(plan *p, PyCodeObject *code, const prof_probe_set *probes, uint32_t first) {
    prof_flow *flow = probes->flow;
    uint32_t samplers = first + (flow ? flow->counter_count + flow->handler_count : 0);
    uint32_t span = samplers + probes->sampler_count;
    uint32_t raise = span + !!probes->span + !!probes->suspend;
    if (p->spans) span_snippets(p, probes, span);
    if (p->spans && flow) find_exits(p, flow, first);
    p->raise =
        p->recorders && !(PROF_QUIRK_OFFSET_IS_TAGGED && p->spans) ? recorder(raise, 1) : probe(raise, prof_opcode.unary_negative);
    place(p);
    if (flow) place_counters(p, flow, first);
    if (probes->sampler_count) place_samplers(p, flow, samplers);
    layout(p);
    write_code(p);
    write_exceptions(p, (const uint8_t *)PyBytes_AS_STRING(code->co_exceptiontable),
                     (size_t)PyBytes_GET_SIZE(code->co_exceptiontable));
    for (uint32_t k = 0; flow && k < flow->count; k++) flow->instructions[k].lies = p->lies[flow->instructions[k].unit];
}

PyObject *prof_rewrite(PyCodeObject *code, PyObject *consts, const prof_probe_set *probes) {
    PyObject *result = NULL, *all = NULL, *bytes = PyCode_GetCode(code);
    prof_bytes locations = {0};
    plan p = {.code = NULL};
    if (!bytes) return NULL;
    p.code = (const uint8_t *)PyBytes_AS_STRING(bytes);
    p.units = (uint32_t)(PyBytes_GET_SIZE(bytes) / 2);
    p.depth = (uint32_t)code->co_stacksize;
    p.spans = probes->span != NULL;
    p.recorders = probes->flow != NULL;
    p.awaits = probes->awaits;
    if (plan_allocate(&p)) {
        PyErr_NoMemory();
        goto error;
    }
    if (!decode(&p)) {
        result = Py_NewRef((PyObject *)code);
        goto error;
    }
    rewrite(&p, code, probes, (uint32_t)PyTuple_GET_SIZE(consts));
    write_locations(&p, code, &locations);
    prof_bytes_add(&p.out, p.tail.data, p.tail.length);
    if (write_runs(&p, probes->plain) || p.out.failed || p.tail.failed || p.table.failed || locations.failed) {
        PyErr_NoMemory();
        goto error;
    }
    all = consts_with(consts, probes);
    if (all) result = copy(code, all, &p, &locations);
error:
    Py_XDECREF(all);
    Py_DECREF(bytes);
    prof_bytes_free(&locations);
    plan_free(&p);
    return result;
}
