/* Chrome's Trace Event Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU */
#include "export.h"
#include <string.h>

#define LONGEST_NUMBER 24

static char *put_digits(char *out, uint64_t value) {
    char digits[LONGEST_NUMBER], *first = digits + sizeof digits;
    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    size_t length = (size_t)(digits + sizeof digits - first);
    memcpy(out, first, length);
    return out + length;
}

/* In microseconds, with the nanoseconds behind the point. */
static char *put_time(char *out, uint64_t ns) {
    unsigned rest = (unsigned)(ns % 1000);
    out = put_digits(out, ns / 1000);
    *out++ = '.';
    *out++ = (char)('0' + rest / 100);
    *out++ = (char)('0' + rest / 10 % 10);
    *out++ = (char)('0' + rest % 10);
    return out;
}

static char *put(char *out, const char *text, size_t length) {
    memcpy(out, text, length);
    return out + length;
}

uint64_t prof_export_chrome(const prof_export_spans *spans, uint64_t from, uint64_t to, const prof_export_texts *labels,
                            const char *head, size_t head_size, char *out, size_t room, size_t *used) {
    char *at = out;
    for (; from < to; from++) {
        uint32_t label = spans->label[from] < labels->count ? spans->label[from] : labels->count - 1;
        size_t length = (size_t)(labels->begin[label + 1] - labels->begin[label]);
        if (room - (size_t)(at - out) < head_size + length + 2 * LONGEST_NUMBER + 16) break;
        at = put(at, ",\n", 2);
        at = put(at, head, head_size);
        at = put_time(at, spans->start_ns[from]);
        at = put(at, ",\"dur\":", 7);
        at = put_time(at, spans->duration_ns[from]);
        at = put(at, labels->text + labels->begin[label], length);
    }
    *used = (size_t)(at - out);
    return from;
}
