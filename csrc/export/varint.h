/* Numbers of seven bits a byte, the lowest first. */
#ifndef PROF_EXPORT_VARINT_H
#define PROF_EXPORT_VARINT_H
#include <stdint.h>

static inline unsigned char *prof_put_varint(unsigned char *out, uint64_t value) {
    while (value > 127) {
        *out++ = (unsigned char)(value | 128);
        value >>= 7;
    }
    *out++ = (unsigned char)value;
    return out;
}

#endif
