/* Perfetto's packets: https://perfetto.dev/docs/reference/synthetic-track-event. A packet that begins a span and one that ends it, with
 * times since the packet before. */
#include "export.h"
#include "varint.h"
#include <string.h>

#define NEVER UINT64_MAX
#define LONGEST_VARINT 10

/* Tags: a field's number times eight, and its type. */
enum { PACKET = 1 << 3 | 2, TIMESTAMP = 8 << 3, SEQUENCE = 10 << 3, TRACK_EVENT = 11 << 3 | 2 };
static const char END[] = {9 << 3, 2}; /* TrackEvent.type: TYPE_SLICE_END */

static unsigned char *put_packet(unsigned char *out, uint64_t passed, uint32_t sequence, const char *event, size_t length) {
    unsigned char times[2 * LONGEST_VARINT + 2], *at = times;
    *at++ = TIMESTAMP;
    at = prof_put_varint(at, passed);
    *at++ = SEQUENCE;
    at = prof_put_varint(at, sequence);
    size_t before = (size_t)(at - times);
    unsigned char size[LONGEST_VARINT];
    size_t size_length = (size_t)(prof_put_varint(size, length) - size);
    *out++ = PACKET;
    out = prof_put_varint(out, before + 1 + size_length + length);
    memcpy(out, times, before);
    out += before;
    *out++ = TRACK_EVENT;
    memcpy(out, size, size_length);
    out += size_length;
    memcpy(out, event, length);
    return out + length;
}

/* The time since the packet before. Time does not go back, even where ends are not known exactly. */
static uint64_t passed(prof_export_stack *stack, uint64_t now) {
    uint64_t found = now > stack->clock_ns ? now - stack->clock_ns : 0;
    stack->clock_ns += found;
    return found;
}

/* Whether a span has no end. `open` ascends. */
static int has_no_end(uint64_t span, const uint64_t *open, uint64_t count) {
    uint64_t low = 0, high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (open[middle] < span) low = middle + 1;
        else high = middle;
    }
    return low < count && open[low] == span;
}

int prof_export_perfetto(const prof_export_spans *spans, prof_export_stack *stack, const prof_export_texts *labels,
                         const uint64_t *open, uint64_t open_count, uint32_t sequence, unsigned char *out, size_t room,
                         size_t *used) {
    unsigned char *at = out;
    int done = 0;
    for (;;) {
        int last = stack->at == spans->count;
        uint32_t label = last ? 0 : spans->label[stack->at] < labels->count ? spans->label[stack->at] : labels->count - 1;
        size_t length = last ? 0 : (size_t)(labels->begin[label + 1] - labels->begin[label]);
        if (room - (size_t)(at - out) < length + 6 * LONGEST_VARINT + sizeof END) break;
        /* First ends what is no longer around the next span. */
        if (stack->open > 0 && (last || stack->depth[stack->open - 1] >= spans->depth[stack->at])) {
            uint64_t end = stack->end_ns[--stack->open];
            if (end == NEVER && last) continue;
            if (!last && end > spans->start_ns[stack->at]) end = spans->start_ns[stack->at];
            at = put_packet(at, passed(stack, end), sequence, END, sizeof END);
            continue;
        }
        if (last) {
            done = 1;
            break;
        }
        uint64_t start = spans->start_ns[stack->at];
        at = put_packet(at, passed(stack, start), sequence, labels->text + labels->begin[label], length);
        stack->end_ns[stack->open] = has_no_end(stack->at, open, open_count) ? NEVER : start + spans->duration_ns[stack->at];
        stack->depth[stack->open++] = spans->depth[stack->at++];
    }
    *used = (size_t)(at - out);
    return done;
}
