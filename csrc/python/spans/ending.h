/* How a process ends without its interpreter's end: by _exit(), by exec, by a signal that it sends itself, by C's exit(). */
#ifndef PROF_PYTHON_ENDING_H
#define PROF_PYTHON_ENDING_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern PyMethodDef prof_ending_methods[];

#endif
