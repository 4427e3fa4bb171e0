/* The small tables of a capture: labels with their latencies, threads, memory's totals, the meta text. */
#include "private.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- references ---- */

/* The chunk that holds the byte at `offset`, of any type; NULL when none does. */
static const prof_reader_chunk *chunk_at(const prof_reader *reader, uint64_t offset) {
    uint64_t low = 0, high = reader->info.chunk_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const prof_reader_chunk *chunk = &reader->chunks[middle];
        if (offset < chunk->offset) high = middle;
        else if (offset >= chunk->offset + chunk->size) low = middle + 1;
        else return chunk;
    }
    return NULL;
}

const prof_reader_chunk *prof_reader_chunk_at(const prof_reader *reader, uint64_t offset, prof_reader_cursor *cursor) {
    const prof_reader_chunk *chunk = cursor->chunk;
    if (chunk == NULL || offset < chunk->offset || offset >= chunk->offset + chunk->size) {
        chunk = chunk_at(reader, offset);
        if (chunk != NULL) cursor->chunk = chunk;
    }
    return chunk;
}

uint64_t prof_reader_record(const prof_reader *reader, uint32_t type, prof_ref ref, prof_reader_cursor *cursor) {
    uint64_t offset = (uint64_t)ref * PROF_REF_UNIT;
    const prof_reader_chunk *chunk = prof_reader_chunk_at(reader, offset, cursor);
    if (chunk == NULL) return PROF_READER_NOT_FOUND;
    if (chunk->type != type || offset < chunk->offset + sizeof(prof_chunk)) return PROF_READER_NOT_FOUND;
    uint64_t inside = offset - chunk->offset - sizeof(prof_chunk);
    uint64_t index = inside / chunk->record_size;
    if (inside % chunk->record_size != 0 || index >= chunk->records) return PROF_READER_NOT_FOUND;
    return chunk->first + index;
}

uint64_t prof_reader_label_index(const prof_reader *reader, prof_ref ref, prof_reader_cursor *cursor) {
    uint64_t index = prof_reader_record(reader, PROF_CHUNK_LABELS, ref, cursor);
    if (index != PROF_READER_NOT_FOUND) return index;
    index = prof_reader_record(reader, PROF_CHUNK_PLACES, ref, cursor);
    return index == PROF_READER_NOT_FOUND ? index : reader->place_first + index;
}

int prof_reader_read_text(const prof_reader *reader, prof_ref ref, prof_reader_text *text) {
    *text = (prof_reader_text){.text = "", .length = 0};
    if (ref == 0) return 0;
    uint64_t offset = (uint64_t)ref * PROF_REF_UNIT;
    const prof_reader_chunk *chunk = chunk_at(reader, offset);
    if (chunk == NULL || chunk->type != PROF_CHUNK_STRINGS || offset < chunk->offset + sizeof(prof_chunk)) return -1;
    uint64_t left = chunk->offset + sizeof(prof_chunk) + chunk->used;
    if (offset >= left) return -1;
    left -= offset;
    const prof_string *string = (const prof_string *)(reader->data + offset);
    if (left < offsetof(prof_string, text) + 1) return -1;
    uint32_t length = string->length;
    if (length > left - offsetof(prof_string, text) - 1 || string->text[length] != '\0') return -1;
    *text = (prof_reader_text){.text = string->text, .length = length};
    return 0;
}

prof_reader_text prof_reader_string(const prof_reader *reader, uint32_t ref) {
    prof_reader_text text;
    prof_reader_read_text(reader, ref, &text);
    return text;
}

/* ---- latencies ---- */

double prof_reader_percentile(const uint64_t *histogram, uint64_t min, uint64_t max, uint64_t total, double ratio, double share) {
    double least = (double)min * ratio, most = (double)max * ratio;
    double rank = share * (double)total, before = 0, ticks = most;
    for (unsigned bin = 0; bin < PROF_HISTOGRAM_BINS; bin++) {
        double count = (double)histogram[bin];
        if (count > 0 && before + count >= rank) {
            double start = prof_reader_bin_start(bin);
            double stop = bin + 1 < PROF_HISTOGRAM_BINS ? prof_reader_bin_start(bin + 1) : most;
            ticks = start + (stop - start) * ((rank - before) / count);
            break;
        }
        before += count;
    }
    if (ticks > most) ticks = most;
    return ticks < least ? least : ticks;
}

static void read_latencies(const prof_reader *reader, const prof_label *from, prof_reader_label *label) {
    double scale = reader->info.ns_per_tick;
    uint64_t total = 0;
    for (unsigned bin = 0; bin < PROF_HISTOGRAM_BINS; bin++) total += from->histogram[bin];
    label->completed = total;
    if (total == 0 || from->min == UINT64_MAX) return;
    label->min_ns = prof_reader_ticks_ns(from->min, scale);
    label->max_ns = prof_reader_ticks_ns(from->max, scale);
    double latency = reader->latency_scale, ratio = scale / latency;
    label->p50_ns = prof_reader_ns(prof_reader_percentile(from->histogram, from->min, from->max, total, ratio, 0.50), latency);
    label->p90_ns = prof_reader_ns(prof_reader_percentile(from->histogram, from->min, from->max, total, ratio, 0.90), latency);
    label->p99_ns = prof_reader_ns(prof_reader_percentile(from->histogram, from->min, from->max, total, ratio, 0.99), latency);
}

/* ---- tables ---- */

static int read_label(prof_reader *reader, const prof_reader_chunk *chunk, uint64_t i, char *error, size_t size) {
    /* Of a line or frame only the first PROF_PLACE_SIZE bytes are there. */
    const prof_label *from = (const prof_label *)(prof_reader_records(reader, chunk) + i * chunk->record_size);
    int place = chunk->type == PROF_CHUNK_PLACES;
    uint64_t index = chunk->first + i + (place ? reader->place_first : 0);
    prof_reader_label *label = &reader->labels[index];
    label->kind = from->kind;
    label->line = from->line;
    label->flags = from->flags;
    if (prof_reader_read_text(reader, from->name, &label->name) != 0 ||
        prof_reader_read_text(reader, from->module, &label->module) != 0 ||
        prof_reader_read_text(reader, from->file, &label->file) != 0) {
        prof_reader_fail(error, size, CORRUPT "label %" PRIu64 " names a string that is not there", index);
        return -1;
    }
    if (!place) read_latencies(reader, from, label);
    return 0;
}

static int read_thread(prof_reader *reader, const prof_reader_chunk *chunk, uint64_t i, char *error, size_t size) {
    const prof_header *header = (const prof_header *)reader->data;
    const prof_thread_record *from = (const prof_thread_record *)(prof_reader_records(reader, chunk) + i * chunk->record_size);
    prof_reader_thread *thread = &reader->threads[chunk->first + i];
    uint64_t begin = header->start.ticks, start = from->start, end = from->end;
    double scale = reader->info.ns_per_tick;
    thread->native_id = from->native_id;
    thread->running = end == 0;
    thread->start_ns = start > begin ? prof_reader_ticks_ns(start - begin, scale) : 0;
    /* A processor clock is each thread's own: the heartbeat's says nothing of how long another one ran. */
    if (end == 0 && reader->info.clock != PROF_CLOCK_CPU) end = header->last.ticks;
    thread->cpu_ns = from->cpu_end > from->cpu_start ? from->cpu_end - from->cpu_start : 0;
    thread->alive_ns = end > start ? prof_reader_ticks_ns(end - start, scale) : 0;
    if (prof_reader_read_text(reader, from->name, &thread->name) != 0) {
        prof_reader_fail(error, size, CORRUPT "thread %" PRIu64 " names a string that is not there", chunk->first + i);
        return -1;
    }
    return 0;
}

/* Counts the calls of a chunk that their process had set down and not counted yet, in our copy of the labels. */
static int count_pending(prof_reader *reader, const prof_reader_chunk *chunk, char *error, size_t size) {
    prof_reader_cursor cursor = {0};
    for (uint64_t i = 0; i < chunk->records; i++) {
        const prof_pending *call = (const prof_pending *)(prof_reader_records(reader, chunk) + i * chunk->record_size);
        /* Once: a process that is still recording may empty the record meanwhile. */
        prof_ref ref = __atomic_load_n(&call->label, __ATOMIC_RELAXED);
        uint64_t ticks = __atomic_load_n(&call->ticks, __ATOMIC_RELAXED);
        if (ref == 0) continue;
        if (prof_reader_record(reader, PROF_CHUNK_LABELS, ref, &cursor) == PROF_READER_NOT_FOUND) {
            prof_reader_fail(error, size, CORRUPT "pending call %" PRIu64 " names no label", i);
            return -1;
        }
        prof_label *label = (prof_label *)(uintptr_t)(reader->data + (uint64_t)ref * PROF_REF_UNIT);
        label->min = ticks < label->min ? ticks : label->min;
        label->max = ticks > label->max ? ticks : label->max;
        label->histogram[prof_histogram_bin(ticks)]++;
    }
    return 0;
}

/* Ticks of the capture's clock as nanoseconds since recording began. */
uint64_t prof_reader_since_start(const prof_reader *reader, uint64_t ticks) {
    uint64_t begin = ((const prof_header *)reader->data)->start.ticks;
    return ticks > begin ? prof_reader_ticks_ns(ticks - begin, reader->info.ns_per_tick) : 0;
}

static void read_memory(prof_reader *reader, const prof_memory *from) {
    prof_reader_memory *memory = &reader->info.memory;
    reader->peak_epoch = from->epoch;
    *memory = (prof_reader_memory){.recorded = 1, .detail = from->detail != 0, .arena_bytes = from->arena_bytes};
    if (!memory->detail) return;
    memory->live_bytes = from->live_bytes;
    memory->peak_bytes = from->peak_bytes;
    memory->peak_ns = prof_reader_since_start(reader, from->peak_ticks);
    memory->unknown_frees = from->unknown_frees;
    memory->small_bytes = from->small_bytes;
    memcpy(memory->class_count, from->class_count, sizeof memory->class_count);
}

static int read_type(prof_reader *reader, const prof_reader_chunk *chunk, uint64_t i, char *error, size_t size) {
    const prof_type *from = (const prof_type *)(prof_reader_records(reader, chunk) + i * chunk->record_size);
    prof_reader_type *type = &reader->types[chunk->first + i];
    type->count = from->count;
    type->bytes = from->bytes;
    if (prof_reader_read_text(reader, from->name, &type->name) != 0) {
        prof_reader_fail(error, size, CORRUPT "type %" PRIu64 " names a string that is not there", chunk->first + i);
        return -1;
    }
    return 0;
}

static void read_moment(prof_reader *reader, const prof_reader_chunk *chunk, uint64_t i) {
    const prof_moment *from = (const prof_moment *)(prof_reader_records(reader, chunk) + i * chunk->record_size);
    reader->moments[chunk->first + i] = (prof_reader_moment){.ns = prof_reader_since_start(reader, from->ticks),
                                                             .rss_bytes = from->rss_bytes,
                                                             .arena_bytes = from->arena_bytes,
                                                             .live_bytes = from->live_bytes};
}

/* A sum since the process began does not fall. It is a difference of two that the kernel keeps on its own, which may come out
 * below zero, or below the one before. */
static void keep_rising(prof_reader_process *moment, const prof_reader_process *before) {
    uint64_t *sum = &moment->read_bytes;
    const uint64_t *least = before != NULL ? &before->read_bytes : NULL;
    for (; sum <= &moment->system_ns; sum++) {
        uint64_t floor = least != NULL ? *least++ : 0;
        if (*sum < floor || *sum > INT64_MAX) *sum = floor;
    }
}

static void read_process(prof_reader *reader, const prof_reader_chunk *chunk, uint64_t i) {
    const prof_process *from = (const prof_process *)(prof_reader_records(reader, chunk) + i * chunk->record_size);
    reader->process[chunk->first + i] = (prof_reader_process){.ns = prof_reader_since_start(reader, from->ticks),
                                                              .read_bytes = from->read_bytes,
                                                              .written_bytes = from->written_bytes,
                                                              .disk_read_bytes = from->disk_read_bytes,
                                                              .disk_written_bytes = from->disk_written_bytes,
                                                              .waits = from->waits,
                                                              .preemptions = from->preemptions,
                                                              .user_ns = from->user_ns,
                                                              .system_ns = from->system_ns};
    prof_reader_process *moment = &reader->process[chunk->first + i];
    keep_rising(moment, chunk->first + i > 0 ? moment - 1 : NULL);
}

static int read_source(prof_reader *reader, const prof_reader_chunk *chunk, uint64_t i, char *error, size_t size) {
    const prof_source *from = (const prof_source *)(prof_reader_records(reader, chunk) + i * chunk->record_size);
    prof_reader_source *source = &reader->sources[chunk->first + i];
    source->size = from->size;
    source->hash = from->hash;
    if (prof_reader_read_text(reader, from->file, &source->file) != 0) {
        prof_reader_fail(error, size, CORRUPT "source %" PRIu64 " names a string that is not there", chunk->first + i);
        return -1;
    }
    return 0;
}

static double finite_of(uint64_t bits) {
    double value = prof_metric_real(bits);
    return isfinite(value) ? value : 0;
}

static int read_metric(prof_reader *reader, const prof_reader_chunk *chunk, uint64_t i, prof_reader_cursor *cursors, char *error,
                       size_t size) {
    const prof_metric *from = (const prof_metric *)(prof_reader_records(reader, chunk) + i * chunk->record_size);
    prof_reader_metric *metric = &reader->metrics[chunk->first + i];
    *metric = (prof_reader_metric){.node = prof_reader_record(reader, PROF_CHUNK_NODES, from->node, &cursors[0]),
                                   .real = from->real != 0,
                                   .count = from->count};
    if (metric->node == PROF_READER_NOT_FOUND) {
        prof_reader_fail(error, size, CORRUPT "metric %" PRIu64 " names a node that is not there", chunk->first + i);
        return -1;
    }
    const prof_node *node = (const prof_node *)(reader->data + (uint64_t)from->node * PROF_REF_UNIT);
    uint64_t label = node->parent == 0 ? PROF_READER_NO_LABEL : prof_reader_label_index(reader, node->label, &cursors[1]);
    if (label == PROF_READER_NOT_FOUND || prof_reader_read_text(reader, from->name, &metric->name) != 0) {
        prof_reader_fail(error, size, CORRUPT "metric %" PRIu64 " names a label or a string that is not there", chunk->first + i);
        return -1;
    }
    metric->label = (uint32_t)label;
    if (metric->real) {
        metric->real_sum = finite_of(prof_metric_bits(finite_of(from->sum) + finite_of(from->rest)));
        metric->real_least = finite_of(from->least);
        metric->real_most = finite_of(from->most);
    } else {
        metric->low = from->sum;
        metric->high = (int64_t)from->rest;
        metric->least = (int64_t)from->least;
        metric->most = (int64_t)from->most;
    }
    return 0;
}

/* Spans of this kind are charged to their callers where none took long. */
static int can_be_short(uint32_t kind) {
    return kind == PROF_FUNCTION || kind == PROF_SECTION || kind == PROF_IMPORT || kind == PROF_NATIVE;
}

/* Finds the labels of which no call took as long as the recording asked for. One that no call of has ended may yet. */
static int find_short(prof_reader *reader) {
    const prof_reader_info *info = &reader->info;
    if (info->least_ns == 0) return 0;
    reader->is_short = calloc(info->label_count + 1, 1);
    for (uint64_t i = 0; reader->is_short != NULL && i < info->label_count; i++) {
        const prof_reader_label *label = &reader->labels[i];
        reader->is_short[i] = can_be_short(label->kind) && label->completed != 0 && label->max_ns < info->least_ns;
    }
    return reader->is_short == NULL ? -1 : 0;
}

static int read_sampler(prof_reader *reader, const prof_sampling *from, char *error, size_t size) {
    prof_reader_sampler *sampler = &reader->info.sampler;
    *sampler = (prof_reader_sampler){.recorded = 1,
                                     .frames = (from->flags & PROF_SAMPLER_FRAMES) != 0,
                                     .lock = (from->flags & PROF_SAMPLER_GIL) != 0,
                                     .waits = (from->flags & PROF_SAMPLER_WAITS) != 0,
                                     .interval_ns = from->interval_ns,
                                     .ticks = from->ticks,
                                     .late = from->late,
                                     .samples = from->samples,
                                     .idle = from->idle,
                                     .unplaced = from->unplaced,
                                     .partial = from->partial,
                                     .work_ns = from->work_ns,
                                     .cpu_ns = from->cpu_ns};
    if (prof_reader_read_text(reader, from->why, &sampler->why) != 0 ||
        prof_reader_read_text(reader, from->why_counters, &sampler->why_counters) != 0) {
        prof_reader_fail(error, size, CORRUPT "the sampler names a string that is not there");
        return -1;
    }
    return 0;
}

void prof_reader_read_meta(prof_reader *reader) {
    reader->info.meta = (prof_reader_text){.text = "", .length = 0};
    for (uint64_t c = 0; c < reader->info.chunk_count; c++) {
        const prof_reader_chunk *chunk = &reader->chunks[c];
        if (chunk->type == PROF_CHUNK_META && chunk->used <= UINT32_MAX)
            reader->info.meta =
                (prof_reader_text){.text = (const char *)prof_reader_records(reader, chunk), .length = (uint32_t)chunk->used};
    }
}

/* Notes that spans as they went are there, and counts those that are not. */
static void find_events(prof_reader *reader, const prof_reader_chunk *chunk) {
    prof_reader_info *info = &reader->info;
    if (chunk->type == PROF_CHUNK_SPANS) info->event_bytes += chunk->size;
    if (chunk->type == PROF_CHUNK_SPANS || chunk->type == PROF_CHUNK_STACK) info->traced = 1;
    for (uint64_t i = 0; chunk->type == PROF_CHUNK_MISSING && i < chunk->records; i++) {
        const prof_missing *from = (const prof_missing *)(prof_reader_records(reader, chunk) + i * chunk->record_size);
        uint64_t *drops = &info->drops[from->overwritten ? PROF_DROP_SPANS_OVERWRITTEN : PROF_DROP_SPANS_UNKEPT];
        if (__builtin_add_overflow(*drops, from->count, drops)) *drops = UINT64_MAX;
    }
}

int prof_reader_read_tables(prof_reader *reader, char *error, size_t size) {
    const prof_reader_info *info = &reader->info;
    /* One spare entry, so that an empty table is not mistaken for a failure. */
    reader->labels = calloc(info->label_count + 1, sizeof *reader->labels);
    reader->threads = calloc(info->thread_count + 1, sizeof *reader->threads);
    reader->types = calloc(info->type_count + 1, sizeof *reader->types);
    reader->moments = calloc(info->moment_count + 1, sizeof *reader->moments);
    reader->process = calloc(info->process_count + 1, sizeof *reader->process);
    reader->sources = calloc(info->source_count + 1, sizeof *reader->sources);
    reader->metrics = calloc(info->metric_count + 1, sizeof *reader->metrics);
    prof_reader_cursor cursors[2] = {{NULL}, {NULL}};
    if (reader->labels == NULL || reader->threads == NULL || reader->types == NULL || reader->moments == NULL ||
        reader->process == NULL || reader->sources == NULL || reader->metrics == NULL ||
        info->label_count >= PROF_READER_NO_LABEL) {
        prof_reader_fail(error, size, "does not fit into memory");
        return -1;
    }
    for (uint64_t c = 0; c < info->chunk_count; c++)
        if (reader->chunks[c].type == PROF_CHUNK_PENDING && count_pending(reader, &reader->chunks[c], error, size) != 0) return -1;
    for (uint64_t c = 0; c < info->chunk_count; c++) {
        const prof_reader_chunk *chunk = &reader->chunks[c];
        find_events(reader, chunk);
        for (uint64_t i = 0; (chunk->type == PROF_CHUNK_LABELS || chunk->type == PROF_CHUNK_PLACES) && i < chunk->records; i++)
            if (read_label(reader, chunk, i, error, size) != 0) return -1;
        for (uint64_t i = 0; chunk->type == PROF_CHUNK_THREADS && i < chunk->records; i++)
            if (read_thread(reader, chunk, i, error, size) != 0) return -1;
        for (uint64_t i = 0; chunk->type == PROF_CHUNK_TYPES && i < chunk->records; i++)
            if (read_type(reader, chunk, i, error, size) != 0) return -1;
        for (uint64_t i = 0; chunk->type == PROF_CHUNK_SERIES && i < chunk->records; i++) read_moment(reader, chunk, i);
        for (uint64_t i = 0; chunk->type == PROF_CHUNK_PROCESS && i < chunk->records; i++) read_process(reader, chunk, i);
        for (uint64_t i = 0; chunk->type == PROF_CHUNK_SOURCES && i < chunk->records; i++)
            if (read_source(reader, chunk, i, error, size) != 0) return -1;
        for (uint64_t i = 0; chunk->type == PROF_CHUNK_METRICS && i < chunk->records; i++)
            if (read_metric(reader, chunk, i, cursors, error, size) != 0) return -1;
        if (chunk->type == PROF_CHUNK_MEMORY && chunk->records > 0)
            read_memory(reader, (const prof_memory *)prof_reader_records(reader, chunk));
        if (chunk->type == PROF_CHUNK_SAMPLER && chunk->records > 0 &&
            read_sampler(reader, (const prof_sampling *)prof_reader_records(reader, chunk), error, size) != 0)
            return -1;
    }
    if (prof_reader_read_waits(reader, error, size) != 0) return -1;
    if (prof_reader_name_lines(reader) != 0 || find_short(reader) != 0) {
        prof_reader_fail(error, size, "does not fit into memory");
        return -1;
    }
    return 0;
}
