/* What another tool recorded, as if it were a capture. */
#include "merge.h"
#include <stdlib.h>
#include <string.h>

static uint32_t text_of(prof_merger *m, const char *text) {
    return prof_merge_text(m, (prof_reader_text){text, (uint32_t)strlen(text)});
}

static uint32_t *map_labels(prof_merger *m, const prof_foreign_label *labels, uint32_t count) {
    uint32_t *map = malloc(((size_t)count + 1) * sizeof *map);
    for (uint32_t i = 0; map != NULL && i < count; i++) {
        merge_label meaning = {.kind = labels[i].kind, .line = labels[i].line};
        meaning.name = text_of(m, labels[i].name);
        meaning.module = text_of(m, labels[i].module);
        meaning.file = text_of(m, labels[i].file);
        if (meaning.name == MERGE_NONE || meaning.module == MERGE_NONE || meaning.file == MERGE_NONE ||
            (map[i] = prof_merge_label_of(m, &meaning)) == MERGE_NONE) {
            free(map);
            return NULL;
        }
    }
    return map;
}

static int add_node(prof_merger *m, uint32_t row, const prof_foreign_node *from) {
    prof_node *to = prof_merge_node(m, row);
    prof_merge_add(&to->calls, from->calls);
    prof_merge_add(&to->self, from->self_ns);
    prof_merge_add(&to->alloc_count, from->alloc_count);
    prof_merge_add(&to->alloc_bytes, from->alloc_bytes);
    if (from->samples == 0) return 0;
    merge_samples *samples = prof_merge_samples_of(m, row);
    if (samples == NULL) return -1;
    prof_merge_add(&samples->sampled.samples, from->samples);
    prof_merge_add(&samples->sampled.wall_ns, from->sampled_ns);
    /* Others sample what runs, or do not say. */
    prof_merge_add(&samples->sampled.cpu_samples, from->samples);
    prof_merge_add(&samples->sampled.cpu_ns, from->sampled_ns);
    return 0;
}

int prof_merger_add_foreign(prof_merger *m, const prof_foreign_label *labels, uint32_t label_count, const prof_foreign_node *nodes,
                            uint32_t count, uint64_t modes, uint64_t interval_ns) {
    uint32_t *label = map_labels(m, labels, label_count), *row = malloc(((size_t)count + 1) * sizeof *row);
    int complete = label != NULL && row != NULL;
    if (complete) row[0] = 0;
    for (uint32_t i = 0; complete && i < count; i++) {
        row[i + 1] = prof_merge_child_of(m, row[nodes[i].parent], label[nodes[i].label]);
        complete = row[i + 1] != MERGE_NONE && add_node(m, row[i + 1], &nodes[i]) == 0;
    }
    free(label);
    free(row);
    m->parts++;
    m->modes |= (uint32_t)modes;
    m->latency_scale = 1;
    m->clock = PROF_CLOCK_MONOTONIC;
    if (modes & PROF_MODE_MEMORY) m->memory_parts++;
    if (modes & PROF_MODE_SAMPLES) {
        m->sampler_parts++;
        m->sampler.flags |= PROF_SAMPLER_FRAMES;
        m->sampler.interval_ns = interval_ns;
        m->sampler.why_counters = text_of(m, "another tool's samples");
        complete = complete && m->sampler.why_counters != MERGE_NONE;
    }
    return complete ? 0 : -1;
}
