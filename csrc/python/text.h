/* Python's text as the core has it: UTF-8, with surrogates as the error handler backslashreplace writes them. */
#ifndef PROF_PYTHON_TEXT_H
#define PROF_PYTHON_TEXT_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdio.h>

#include "core/lines.h"

/* A str as bytes. New reference; NULL with an exception set. */
static inline PyObject *prof_py_bytes(PyObject *text) { return PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"); }

/* Writes a str as UTF-8, cut to fit, with surrogates as backslashreplace has them. It asks Python for no memory, and the str may
 * be a copy of one's whole memory, aligned like the original. */
static inline void prof_py_utf8(PyObject *text, char *buffer, size_t size) {
    enum { LONGEST = 6 }; /* bytes of one character */
    size_t n = 0;
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(text) && n + LONGEST < size; i++) {
        Py_UCS4 c = PyUnicode_READ(PyUnicode_KIND(text), PyUnicode_DATA(text), i);
        if (c < 0x80) {
            buffer[n++] = (char)c;
        } else if (c < 0x800) {
            buffer[n++] = (char)(0xc0 | c >> 6);
            buffer[n++] = (char)(0x80 | (c & 63));
        } else if (c >= 0xd800 && c < 0xe000) {
            n += (size_t)snprintf(buffer + n, size - n, "\\u%04x", (unsigned)c);
        } else if (c < 0x10000) {
            buffer[n++] = (char)(0xe0 | c >> 12);
            buffer[n++] = (char)(0x80 | (c >> 6 & 63));
            buffer[n++] = (char)(0x80 | (c & 63));
        } else {
            buffer[n++] = (char)(0xf0 | c >> 18);
            buffer[n++] = (char)(0x80 | (c >> 12 & 63));
            buffer[n++] = (char)(0x80 | (c >> 6 & 63));
            buffer[n++] = (char)(0x80 | (c & 63));
        }
    }
    buffer[n] = 0;
}

/* The number that `line` of `file` has in the uninstrumented source; `line` itself when that is not known. */
static inline uint32_t prof_py_original_line(PyObject *file, int line) {
    PyObject *text = prof_py_bytes(file);
    uint32_t n = line <= 0 ? 0 : text ? prof_line_original(PyBytes_AS_STRING(text), (uint32_t)line) : (uint32_t)line;
    Py_XDECREF(text);
    PyErr_Clear();
    return n;
}

#endif
