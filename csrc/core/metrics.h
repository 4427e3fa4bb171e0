/* Metrics: numbers that the program itself says of what it does, by names of its own: rows read, bytes sent. They lie beside
 * the calling context that they are said of, and only their count, sum and extremes are kept. */
#ifndef PROF_METRICS_H
#define PROF_METRICS_H
#include "stack.h"

/* Adds a value of the metric `name` (a string's ref) to `node`, for the calling thread. Sums of integers are exact; of real numbers,
 * as good as the addition of doubles that carries the rounding along. 0, or -1 where there is no room, or no finite number: then it
 * is counted as a drop. */
int prof_metric_add(prof_thread *t, const prof_node *node, prof_ref name, int64_t value);
int prof_metric_add_real(prof_thread *t, const prof_node *node, prof_ref name, double value);

/* A recording begins: there are none yet. */
void prof_metrics_reset(void);

#endif
