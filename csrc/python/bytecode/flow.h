/* The control flow of a code object, and where its operations are counted.
 *
 * Instructions form blocks, edges lead between blocks; block 0 is the outside, from where calls enter and where returns go.
 * What flows into a block flows out of it, so counters on the edges outside a spanning tree (Knuth 1968) give all the
 * others. The tree takes the edges that are thought to run most; the counters stand on the rest. Exceptions are no edges:
 * they are recorded where they arise and where they are handled.
 *
 * Pure C: nothing here calls Python. */
#ifndef PROF_PYTHON_FLOW_H
#define PROF_PYTHON_FLOW_H
#include <stddef.h>
#include <stdint.h>

#include "format.h"

/* What differs between versions; by opcode where 256 long. */
typedef struct {
    uint8_t flow[256];     /* enum prof_flow_kind of format.h */
    uint8_t caches[256];   /* inline cache units behind the instruction */
    uint8_t backward[256]; /* whether a jump's argument counts backwards */
    uint8_t extended_arg;
    uint8_t end_for;               /* units that FOR_ITER jumps over at its target */
    uint8_t resume_place;          /* bits of RESUME's argument: none is set where the body begins */
    uint8_t jump_raises_at_target; /* a signal in JUMP_BACKWARD is handled as if raised before its target */
    uint8_t throw_ends_send;       /* throw() may go on at the target of SEND, without a RESUME */
} prof_flow_rules;

/* Reads bytecode, instruction by instruction. */
typedef struct {
    const uint8_t *code;
    uint32_t units, next;
    uint32_t start, unit; /* first code unit (of an EXTENDED_ARG), unit of the operation */
    uint32_t arg;
    uint8_t op;
} prof_code_reader;

/* 1, or 0 at the end. */
static inline int prof_code_next(prof_code_reader *r, const prof_flow_rules *rules) {
    r->arg = 0;
    for (r->start = r->next; r->next < r->units;) {
        r->unit = r->next++;
        r->op = r->code[2 * r->unit];
        r->arg = r->arg << 8 | r->code[2 * r->unit + 1];
        if (r->op == rules->extended_arg) continue;
        r->next += rules->caches[r->op];
        return 1;
    }
    return 0;
}

#define PROF_NONE UINT32_MAX
#define PROF_NO_HANDLER UINT16_MAX

typedef struct {
    uint32_t start, unit; /* first code unit (of an EXTENDED_ARG), unit of the operation */
    uint32_t arg;
    uint32_t target;  /* instruction that it jumps to; PROF_NONE */
    uint32_t block;   /* from 1; 0: before the body begins */
    uint32_t lies;    /* unit of the operation in the rewritten code */
    uint16_t handler; /* that an exception here goes to; PROF_NO_HANDLER */
    uint8_t op, kind; /* enum prof_flow_kind */
} prof_instruction;

/* Where an edge's counter stands. */
enum prof_edge_place {
    PROF_PLACE_BEFORE, /* the instruction that leaves */
    PROF_PLACE_BEHIND, /* the instruction that leaves or enters; jumps to what follows miss it */
    PROF_PLACE_AT,     /* at the target, which has no other way in */
    PROF_PLACE_EARLY,  /* before the target, where only such edges land: nothing falls through to there */
    PROF_PLACE_DONE,   /* before the target, behind END_FOR */
    PROF_PLACE_APART   /* behind the code, from where it jumps to the target */
};

#define PROF_CALLS_COUNTER (PROF_NONE - 1) /* counted by the span's own calls */

typedef struct {
    uint32_t from, to;    /* blocks */
    uint32_t instruction; /* where it leaves its block, or enters from outside */
    uint32_t counter;     /* number; PROF_NONE: follows from the others; PROF_CALLS_COUNTER */
    float weight;
    uint8_t kind, place;
} prof_edge;

typedef struct {
    uint32_t instruction; /* first of the handler */
    uint32_t depth_lasti; /* as in prof_handler */
} prof_flow_handler;

typedef struct {
    prof_instruction *instructions; /* Owned, like all arrays */
    prof_edge *edges;
    prof_flow_handler *handlers;
    uint32_t *at;    /* by unit, the instruction that begins or lies there; PROF_NONE inside */
    uint32_t *first; /* by block, its first instruction; [0] unused; one more than blocks */
    uint32_t count, edge_count, handler_count, block_count, counter_count, units;
} prof_flow;

/* Whether control can go from the instruction to the one behind it. */
int prof_flow_falls(const prof_instruction *i);

/* Whether it jumps or goes on, as it finds its operand: of interest to reports. */
static inline int prof_flow_branches(const prof_instruction *i) { return i->kind == PROF_FLOW_BRANCH || i->kind == PROF_FLOW_FOR; }

/* The instruction that lies at or before `unit` of the rewritten code: where an offset points, also into caches. */
uint32_t prof_flow_find(const prof_flow *flow, uint32_t unit);

/* Whether the edge leaves at a yield; at a return or a yield, where the probe that closes a span can count it. */
int prof_flow_yields(const prof_flow *flow, const prof_edge *e);
int prof_flow_closes(const prof_flow *flow, const prof_edge *e);

/* What a flow is made from; all Borrowed. */
typedef struct {
    const uint8_t *code, *table; /* bytecode and exception table */
    uint32_t units;
    size_t table_size;
    int spans;             /* whether a span counts the first entry, and a return or a yield in passing */
    const double *weights; /* how often each edge ran in an earlier recording; NULL not known */
    size_t weight_count;   /* used if there are as many edges */
} prof_flow_source;

/* Reads code and places its counters. 0; -1 without memory; 1 where such code cannot be counted, with nothing allocated. */
int prof_flow_build(prof_flow *flow, const prof_flow_source *source, const prof_flow_rules *rules);

/* The same for code in which events are counted, an instruction at a time: nothing is asked of where control goes. Each
 * instruction is a block that is only entered, by an edge with a counter; of a branch, one more edge to the outside counts how
 * often it jumped. There are no handlers. The first counters are those of the blocks, in order. */
int prof_flow_build_for_events(prof_flow *flow, const prof_flow_source *source, const prof_flow_rules *rules);
void prof_flow_free(prof_flow *flow);

#endif
