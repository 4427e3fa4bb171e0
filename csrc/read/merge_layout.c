/* Lays out what a merger holds as a capture in memory, and opens it. */
#include "merge.h"
#include <stdlib.h>
#include <string.h>

/* A chunk of the image: `data` is where its records begin, `ref` the reference of the first one. */
typedef struct {
    uint32_t type, record;
    uint64_t count; /* records; of text, bytes */
    unsigned char *data;
    prof_ref ref;
} part;

enum {
    TEXTS,
    LABELS,
    PLACES,
    STACKS,
    THREADS,
    NODES,
    SAMPLED,
    USAGE,
    MEMORY,
    TYPES,
    SOURCES,
    METRICS,
    LATENCIES, /* in the order of enum prof_reader_record_kind */
    WAITS,
    ACTIVITIES,
    SLOWEST,
    SAMPLER,
    CODES,
    COUNTS,
    EVENTS,
    OPERANDS,
    META,
    PARTS
};

typedef struct {
    prof_merger *m;
    part parts[PARTS];
    unsigned char *data; /* Owned, until the reader has it */
    uint64_t size;
    uint32_t *node, *sampled; /* Owned: by row of nodes, the record's index in its chunk; MERGE_NONE for none */
} image;

static prof_ref ref_of(const image *at, int which, uint64_t index) {
    return at->parts[which].ref + (prof_ref)(index * at->parts[which].record / PROF_REF_UNIT);
}

static prof_ref text_ref(const image *at, uint32_t text) { return text == 0 ? 0 : at->parts[TEXTS].ref + text - 1; }

static int is_span(const image *at, uint32_t node) {
    return node == 0 || !prof_merge_is_place(prof_merge_label(at->m, prof_merge_node(at->m, node)->label)->kind);
}

/* ---- how many records there are ---- */

static int has_figures(const prof_node *node) {
    return (node->calls | node->self | node->resumes | node->suspended | node->items | node->alloc_count | node->alloc_bytes |
            node->free_count | node->free_bytes | node->peak_bytes | node->counts) != 0;
}

/* Spans are nodes. A line is a node if it has what nodes have. All other lines and frames are records of samples, and so
 * is what samples found in a span itself. */
static int number_nodes(image *at) {
    uint32_t count = at->m->nodes.count, nodes = 0, sampled = 0;
    at->node = malloc(count * sizeof *at->node);
    at->sampled = malloc(count * sizeof *at->sampled);
    if (at->node == NULL || at->sampled == NULL) return -1;
    for (uint32_t i = 0; i < count; i++) {
        const prof_node *node = prof_merge_node(at->m, i);
        int span = is_span(at, i), leaf = !span && is_span(at, node->parent) && has_figures(node);
        int found = node->private_child != 0 || (!span && (node->private_children != 0 || !leaf));
        at->node[i] = span || leaf ? nodes++ : MERGE_NONE;
        at->sampled[i] = found ? sampled++ : MERGE_NONE;
    }
    at->parts[NODES].count = nodes;
    at->parts[SAMPLED].count = (uint64_t)sampled + at->m->stacks.count;
    at->parts[USAGE].count = at->m->samples.count;
    return 0;
}

static void count_records(image *at, uint32_t meta_bytes) {
    const prof_merger *m = at->m;
    part *parts = at->parts;
    parts[TEXTS] = (part){.type = PROF_CHUNK_STRINGS, .record = 1, .count = m->texts.used};
    parts[LABELS] = (part){.type = PROF_CHUNK_LABELS, .record = sizeof(prof_label), .count = m->bins.count};
    parts[PLACES] = (part){.type = PROF_CHUNK_PLACES, .record = PROF_PLACE_SIZE, .count = m->labels.count - m->bins.count};
    parts[STACKS] = (part){.type = PROF_CHUNK_STACKS, .record = sizeof(prof_stacked), .count = m->frames.count};
    parts[THREADS] = (part){.type = PROF_CHUNK_THREADS, .record = sizeof(prof_thread_record), .count = m->threads.count};
    parts[NODES] = (part){.type = PROF_CHUNK_NODES, .record = sizeof(prof_node)};
    parts[SAMPLED] = (part){.type = PROF_CHUNK_SAMPLED, .record = sizeof(prof_sampled)};
    parts[USAGE] = (part){.type = PROF_CHUNK_USAGE, .record = sizeof(prof_usage)};
    parts[MEMORY] = (part){.type = PROF_CHUNK_MEMORY, .record = sizeof(prof_memory), .count = m->memory_parts != 0};
    parts[TYPES] = (part){.type = PROF_CHUNK_TYPES, .record = sizeof(prof_type), .count = m->types.count};
    parts[SOURCES] = (part){.type = PROF_CHUNK_SOURCES, .record = sizeof(prof_source)};
    for (uint32_t i = 0; i < m->sources.count; i++) parts[SOURCES].count += !((merge_source *)m->sources.rows)[i].differs;
    parts[METRICS] = (part){.type = PROF_CHUNK_METRICS, .record = sizeof(prof_metric), .count = m->metrics.count};
    parts[LATENCIES] = (part){.type = PROF_CHUNK_LATENCIES, .record = sizeof(prof_latency)};
    parts[WAITS] = (part){.type = PROF_CHUNK_WAITS, .record = sizeof(prof_wait)};
    parts[ACTIVITIES] = (part){.type = PROF_CHUNK_ACTIVITIES, .record = sizeof(prof_activity)};
    for (int k = 0; k < PROF_READER_RECORD_KINDS; k++) parts[LATENCIES + k].count = m->timed[k].count;
    parts[SLOWEST] = (part){.type = PROF_CHUNK_SLOWEST, .record = sizeof(prof_slow), .count = m->slow.count};
    parts[SAMPLER] = (part){.type = PROF_CHUNK_SAMPLER, .record = sizeof(prof_sampling), .count = m->sampler_parts != 0};
    parts[CODES] = (part){.type = PROF_CHUNK_CODES, .record = 1, .count = m->code_bytes.used};
    parts[COUNTS] = (part){.type = PROF_CHUNK_COUNTS,
                           .record = 1,
                           .count = (uint64_t)m->counts.count * sizeof(prof_counts) + m->counters.count * sizeof(uint64_t)};
    parts[EVENTS] = (part){.type = PROF_CHUNK_EVENTS, .record = sizeof(prof_flow_event), .count = m->events.count};
    parts[OPERANDS] = (part){.type = PROF_CHUNK_OPERANDS, .record = sizeof(prof_operands), .count = m->operands.count};
    parts[META] = (part){.type = PROF_CHUNK_META, .record = 1, .count = meta_bytes};
}

/* ---- room ---- */

/* Where each chunk lies, and their heads. 0, -1 when out of memory, -2 when it is more than references reach. */
static int lay_out(image *at) {
    uint64_t offset = PROF_HEADER_SIZE;
    for (int k = 0; k < PARTS; k++)
        if (at->parts[k].count != 0) offset += sizeof(prof_chunk) + ((at->parts[k].count * at->parts[k].record + 7) & ~(uint64_t)7);
    if (offset / PROF_REF_UNIT > UINT32_MAX) return -2;
    at->size = offset;
    at->data = calloc(1, offset);
    if (at->data == NULL) return -1;
    offset = PROF_HEADER_SIZE;
    for (int k = 0; k < PARTS; k++) {
        part *each = &at->parts[k];
        uint64_t used = each->count * each->record, room = (used + 7) & ~(uint64_t)7;
        if (used == 0) continue;
        prof_chunk *head = (prof_chunk *)(at->data + offset);
        *head = (prof_chunk){.type = each->type, .record_size = each->record, .size = sizeof *head + room, .used = used};
        each->data = (unsigned char *)(head + 1);
        each->ref = (prof_ref)((offset + sizeof *head) / PROF_REF_UNIT);
        offset += sizeof *head + room;
    }
    return 0;
}

/* ---- the records ---- */

static void put_labels(image *at) {
    const prof_merger *m = at->m;
    uint64_t spans = 0, places = 0;
    for (uint32_t i = 0; i < m->labels.count; i++) {
        merge_label *from = prof_merge_label(at->m, i);
        int which = prof_merge_is_place(from->kind) ? PLACES : LABELS;
        uint64_t index = which == PLACES ? places++ : spans++;
        prof_label *to = (prof_label *)(at->parts[which].data + index * at->parts[which].record);
        from->ref = ref_of(at, which, index);
        to->kind = from->kind;
        to->name = text_ref(at, from->name);
        to->module = text_ref(at, from->module);
        to->file = text_ref(at, from->file);
        to->line = from->line;
        to->flags = from->flags;
        if (which == PLACES) continue;
        to->min = from->min_ns;
        to->max = from->max_ns;
        memcpy(to->histogram, (uint64_t *)m->bins.rows + (uint64_t)(from->histogram - 1) * PROF_HISTOGRAM_BINS,
               sizeof to->histogram);
    }
}

/* The operations' records come first: a node names its first. */
static void put_nodes(image *at) {
    for (uint32_t i = 0; i < at->m->nodes.count; i++) {
        prof_node node = *prof_merge_node(at->m, i);
        uint32_t index = at->node[i];
        if (index == MERGE_NONE) continue;
        node.label = i == 0 ? 0 : prof_merge_label(at->m, node.label)->ref;
        node.parent = i == 0 ? 0 : ref_of(at, NODES, at->node[node.parent]);
        node.private_child = node.private_children = 0;
        node.peak_bytes = node.peak_epoch == at->m->peak_part ? node.peak_bytes : 0;
        node.peak_epoch = at->m->peak_part;
        memcpy(at->parts[NODES].data + (uint64_t)index * sizeof node, &node, sizeof node);
    }
}

static void put_samples(image *at) {
    uint64_t used = 0;
    for (uint32_t i = 0; i < at->m->nodes.count; i++) {
        const prof_node *node = prof_merge_node(at->m, i);
        prof_sampled *to = (prof_sampled *)at->parts[SAMPLED].data + at->sampled[i];
        if (at->sampled[i] == MERGE_NONE) continue;
        const merge_samples *found =
            node->private_child == 0 ? NULL : (merge_samples *)at->m->samples.rows + node->private_child - 1;
        if (found != NULL) *to = found->sampled;
        if (is_span(at, i)) {
            to->label = 0;
            to->parent = ref_of(at, NODES, at->node[i]);
        } else {
            to->label = prof_merge_label(at->m, node->label)->ref;
            to->parent = is_span(at, node->parent) ? ref_of(at, NODES, at->node[node->parent])
                                                   : ref_of(at, SAMPLED, at->sampled[node->parent]);
        }
        if (found != NULL) {
            prof_usage *usage = (prof_usage *)at->parts[USAGE].data + used++;
            *usage = found->usage;
            usage->where = ref_of(at, SAMPLED, at->sampled[i]);
        }
    }
}

static void put_stacks(image *at) {
    const merge_frame *frames = (const merge_frame *)at->m->frames.rows;
    const merge_stack *stacks = (const merge_stack *)at->m->stacks.rows;
    prof_stacked *frame = (prof_stacked *)at->parts[STACKS].data;
    for (uint32_t i = 0; i < at->m->frames.count; i++)
        frame[i] = (prof_stacked){.label = prof_merge_label(at->m, frames[i].label)->ref,
                                  .parent = frames[i].caller == 0 ? 0 : ref_of(at, STACKS, frames[i].caller - 1),
                                  .line = frames[i].line};
    /* What was found with a stack has a record of its own, behind all others; the context's has the rest. */
    prof_sampled *records = (prof_sampled *)at->parts[SAMPLED].data;
    uint64_t next = at->parts[SAMPLED].count - at->m->stacks.count;
    for (uint32_t i = 0; i < at->m->stacks.count; i++) {
        prof_sampled *of_node = &records[at->sampled[stacks[i].node]], *to = &records[next++];
        *to = stacks[i].sampled;
        to->label = of_node->label;
        to->parent = of_node->parent;
        to->stack = ref_of(at, STACKS, stacks[i].frame);
#define TAKE(column, field) of_node->field -= to->field < of_node->field ? to->field : of_node->field;
        PROF_READER_SAMPLED(TAKE)
#undef TAKE
    }
}

static void put_threads(image *at, uint64_t start_unix_ns) {
    const merge_thread *from = (const merge_thread *)at->m->threads.rows;
    prof_thread_record *to = (prof_thread_record *)at->parts[THREADS].data;
    for (uint32_t i = 0; i < at->m->threads.count; i++) {
        /* Times begin at 1: a thread that ended at 0 would be running. */
        uint64_t start = from[i].start_ns > (int64_t)start_unix_ns ? (uint64_t)from[i].start_ns - start_unix_ns + 1 : 1;
        to[i] = (prof_thread_record){.native_id = from[i].native_id,
                                     .name = text_ref(at, from[i].name),
                                     .start = start,
                                     .end = start + from[i].alive_ns,
                                     .cpu_end = from[i].cpu_ns};
    }
}

static void put_tables(image *at, uint64_t start_unix_ns) {
    const prof_merger *m = at->m;
    const merge_type *types = (const merge_type *)m->types.rows;
    const merge_source *sources = (const merge_source *)m->sources.rows;
    prof_type *type = (prof_type *)at->parts[TYPES].data;
    prof_source *source = (prof_source *)at->parts[SOURCES].data;
    for (uint32_t i = 0; i < m->types.count; i++)
        *type++ = (prof_type){.name = text_ref(at, types[i].name), .count = types[i].count, .bytes = types[i].bytes};
    for (uint32_t i = 0; i < m->sources.count; i++)
        if (!sources[i].differs)
            *source++ = (prof_source){.file = text_ref(at, sources[i].file), .size = sources[i].size, .hash = sources[i].hash};
    if (m->memory_parts != 0) {
        prof_memory memory = m->memory;
        /* Of some captures' frees nothing can be said of all. */
        memory.detail = m->detail_parts == m->memory_parts;
        memory.epoch = m->peak_part;
        memory.peak_ticks = m->peak_unix_ns > (int64_t)start_unix_ns ? (uint64_t)m->peak_unix_ns - start_unix_ns : 0;
        memcpy(at->parts[MEMORY].data, &memory, sizeof memory);
    }
    if (m->sampler_parts != 0) {
        prof_sampling sampler = m->sampler;
        sampler.why = text_ref(at, sampler.why);
        sampler.why_counters = text_ref(at, sampler.why_counters);
        memcpy(at->parts[SAMPLER].data, &sampler, sizeof sampler);
    }
}

/* Of a line or frame that is none of the nodes there are no metrics: they are said of spans. */
static void put_metrics(image *at) {
    const prof_metric *from = (const prof_metric *)at->m->metrics.rows;
    prof_metric *to = (prof_metric *)at->parts[METRICS].data;
    for (uint32_t i = 0; i < at->m->metrics.count; i++) {
        uint32_t node = from[i].node;
        while (at->node[node] == MERGE_NONE) node = prof_merge_node(at->m, node)->parent;
        to[i] = from[i];
        to[i].node = ref_of(at, NODES, at->node[node]);
        to[i].name = text_ref(at, from[i].name);
    }
}

static void put_waits(image *at, uint64_t start_unix_ns) {
    prof_ref texts = at->parts[TEXTS].ref, threads = at->parts[THREADS].ref;
    for (int k = 0; k < PROF_READER_RECORD_KINDS; k++) prof_merge_put_timed(at->m, k, at->parts[LATENCIES + k].data, texts);
    for (uint32_t i = 0; i < at->m->slow.count; i++) {
        uint32_t node = prof_merge_slow_node(at->m, i);
        while (at->node[node] == MERGE_NONE) node = prof_merge_node(at->m, node)->parent;
        prof_merge_put_slow(at->m, i, (prof_slow *)at->parts[SLOWEST].data + i, ref_of(at, NODES, at->node[node]), threads, texts,
                            start_unix_ns);
    }
}

/* ---- operations ---- */

static void put_codes(image *at) {
    const prof_merger *m = at->m;
    merge_code *codes = (merge_code *)m->codes.rows;
    if (m->code_bytes.used != 0) memcpy(at->parts[CODES].data, m->code_bytes.data, m->code_bytes.used);
    for (uint32_t i = 0; i < m->codes.count; i++) {
        prof_code *code = (prof_code *)(at->parts[CODES].data + codes[i].at);
        prof_code_instruction *instruction = (prof_code_instruction *)(code + 1);
        codes[i].ref = at->parts[CODES].ref + (prof_ref)(codes[i].at / PROF_REF_UNIT);
        code->label = code->label == 0 ? 0 : prof_merge_label(at->m, code->label - 1)->ref;
        code->name = text_ref(at, code->name);
        code->file = text_ref(at, code->file);
        for (uint32_t k = 0; k < code->instructions; k++, instruction++) {
            instruction->name = text_ref(at, instruction->name);
            instruction->second = text_ref(at, instruction->second);
        }
    }
}

static void put_counts(image *at) {
    const prof_merger *m = at->m;
    const merge_counts *counts = (const merge_counts *)m->counts.rows;
    const merge_event *events = (const merge_event *)m->events.rows;
    const merge_operands *operands = (const merge_operands *)m->operands.rows;
    const uint64_t *counters = (const uint64_t *)m->counters.rows;
    const merge_code *codes = (const merge_code *)m->codes.rows;
    /* Counters are in the order of their counts: so many bytes before each. */
#define COUNTS_REF(row) (at->parts[COUNTS].ref + (prof_ref)((row) * (sizeof(prof_counts) / PROF_REF_UNIT) + counts[row].first))
    for (uint32_t i = 0; i < m->counts.count; i++) {
        prof_counts *to =
            (prof_counts *)(at->parts[COUNTS].data + (uint64_t)(COUNTS_REF(i) - at->parts[COUNTS].ref) * PROF_REF_UNIT);
        const merge_counts *from = &counts[i];
        *to = (prof_counts){.code = codes[from->code].ref,
                            .node = ref_of(at, NODES, at->node[from->node]),
                            .next = from->next == 0 ? 0 : COUNTS_REF(from->next - 1),
                            .events = from->events == 0 ? 0 : ref_of(at, EVENTS, from->events - 1),
                            .counters = from->counters,
                            .entries = from->entries};
        if (from->counters != 0) memcpy(to + 1, counters + from->first, from->counters * sizeof *counters);
    }
    for (uint32_t i = 0; i < m->nodes.count; i++)
        if (prof_merge_node(at->m, i)->counts != 0)
            prof_merge_node(at->m, i)->counts = COUNTS_REF(prof_merge_node(at->m, i)->counts - 1);
#undef COUNTS_REF
    prof_flow_event *event = (prof_flow_event *)at->parts[EVENTS].data;
    for (uint32_t i = 0; i < m->events.count; i++)
        event[i] = (prof_flow_event){.next = events[i].next == 0 ? 0 : ref_of(at, EVENTS, events[i].next - 1),
                                     .what = events[i].what,
                                     .unit = events[i].unit,
                                     .count = events[i].count};
    prof_operands *operand = (prof_operands *)at->parts[OPERANDS].data;
    for (uint32_t i = 0; i < m->operands.count; i++)
        operand[i] = (prof_operands){.code = codes[operands[i].code].ref,
                                     .lies = operands[i].lies,
                                     .left = text_ref(at, operands[i].left),
                                     .right = text_ref(at, operands[i].right),
                                     .count = operands[i].count};
}

/* ---- the whole ---- */

static void put_header(image *at, uint64_t start_unix_ns, uint64_t duration_ns, uint32_t pid) {
    const prof_merger *m = at->m;
    double cost = m->probes > 0 ? m->probe_ps / m->probes + 0.5 : 0;
    prof_header *header = (prof_header *)at->data;
    *header = (prof_header){.version = PROF_FORMAT_VERSION,
                            .byte_order = PROF_BYTE_ORDER,
                            .header_size = PROF_HEADER_SIZE,
                            .state = PROF_CLOSED,
                            .clock = m->clock,
                            .pid = pid,
                            .end = at->size,
                            .modes = m->modes,
                            .interval_ns = m->sampler.interval_ns,
                            .probe_cost_ps = cost < 0x1p62 ? (uint64_t)cost : 0,
                            .start = {.unix_ns = start_unix_ns},
                            .last = {.ticks = duration_ns, .monotonic_ns = duration_ns, .unix_ns = start_unix_ns + duration_ns},
                            .full = m->full,
                            .flags = m->flags,
                            .least_ns = m->least_ns,
                            .latency_fs = m->latency_scale == 1.0 ? 0 : (uint64_t)(m->latency_scale * 1e6 + 0.5)};
    memcpy(header->magic, PROF_MAGIC, sizeof header->magic);
    memcpy(header->drops, m->drops, sizeof header->drops);
}

prof_reader *prof_merger_finish(prof_merger *m, uint64_t start_unix_ns, uint64_t duration_ns, uint32_t pid, const char *meta,
                                uint32_t length, char *error, size_t size) {
    image at = {.m = m};
    prof_reader *reader = NULL;
    int laid_out = -1;
    count_records(&at, length);
    if (number_nodes(&at) != 0 || (laid_out = lay_out(&at)) != 0) {
        prof_reader_fail(error, size, laid_out == -2 ? "are more than one capture can hold together" : "do not fit into memory");
        goto error;
    }
    put_header(&at, start_unix_ns, duration_ns, pid);
    if (m->texts.used != 0) memcpy(at.parts[TEXTS].data, m->texts.data, m->texts.used);
    put_labels(&at);
    put_threads(&at, start_unix_ns);
    put_metrics(&at); /* before the nodes' own rows are made records of */
    put_waits(&at, start_unix_ns);
    put_codes(&at);
    put_counts(&at);
    put_nodes(&at);
    put_samples(&at);
    put_stacks(&at);
    put_tables(&at, start_unix_ns);
    if (length != 0) memcpy(at.parts[META].data, meta, length);
    reader = prof_reader_open_image(at.data, at.size, error, size);
    at.data = NULL; /* the reader's now, also where it failed */
error:
    free(at.data);
    free(at.node);
    free(at.sampled);
    return reader;
}
