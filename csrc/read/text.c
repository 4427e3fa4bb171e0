/* Text of a capture as people may see it. A name may hold anything: a terminal would obey it, a browser turn it round. */
#include "read.h"
#include <stdio.h>

/* What is not shown as it is: control characters, marks of direction, line separators, what has no width, what is no character. */
static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},
    {0x2060, 0x206f}, {0xd800, 0xdfff}, {0xfdd0, 0xfdef}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe0fff},
};

static int is_hidden(uint32_t c) {
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (c >= hidden[i].first && c <= hidden[i].last) return 1;
    return 0;
}

static int is_blank(uint32_t c) {
    return c == ' ' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* The character at the beginning of the text and its bytes; 0 bytes where that is not UTF-8. Surrogates pass: they are hidden. */
static size_t decode(const unsigned char *text, size_t left, uint32_t *c) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t bytes = text[0] < 0x80 ? 1 : text[0] < 0xc0 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : text[0] < 0xf5 ? 4 : 0;
    if (bytes == 0 || bytes > left) return 0;
    *c = bytes == 1 ? text[0] : text[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
        *c = *c << 6 | (text[i] & 0x3f);
    }
    return *c < least[bytes] || *c > 0x10ffff ? 0 : bytes;
}

size_t prof_reader_escape(const char *from, size_t length, char *out) {
    const unsigned char *text = (const unsigned char *)from;
    size_t used = 0, bytes;
    uint32_t c = 0;
    int blank = 1;
    for (size_t at = 0; at < length && blank; at += bytes) {
        bytes = decode(text + at, length - at, &c);
        blank = bytes > 0 && is_blank(c);
    }
    for (size_t at = 0; at < length; at += bytes) {
        bytes = decode(text + at, length - at, &c);
        if (bytes > 0 && !blank && !is_hidden(c)) {
            for (size_t i = 0; i < bytes; i++) out[used++] = from[at + i];
            continue;
        }
        /* No room for the NUL of the last one is needed: there are 8 bytes more. */
        if (bytes == 0) {
            bytes = 1;
            c = text[at];
        }
        used += (size_t)sprintf(out + used, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
    }
    return used;
}
