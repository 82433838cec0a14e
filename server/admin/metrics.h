/* A sample in Prometheus's text format 0.0.4. */
#ifndef TIDEGATE_ADMIN_METRICS_H
#define TIDEGATE_ADMIN_METRICS_H

#include "context.h"
#include "sample.h"
#include "text.h"

/* Thread: the admin thread. Errors: text->has_failed. */
void admin_metrics_write(struct admin_text *text, const struct admin_context *context,
	const struct admin_sample *sample);

#endif
