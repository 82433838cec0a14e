/* Findings as a text that a test can look at: a line each, `warning: ` in front of a warning. */
#ifndef TIDEGATE_KEPT_FINDINGS_H
#define TIDEGATE_KEPT_FINDINGS_H

#include <stdio.h>
#include <string.h>

#include "../../server/config/findings.h"

struct kept_findings {
	struct findings findings;
	char text[16 * FINDINGS_LINE_MAX];
};

static void keep_finding(void *user, enum finding kind, const char *line)
{
	struct kept_findings *kept = user;
	size_t len = strlen(kept->text);

	snprintf(kept->text + len, sizeof(kept->text) - len, "%s%s\n",
		kind == FINDING_WARNING ? "warning: " : "", line);
}

/* Empties it; it must then stay where it is. */
static void kept_findings_init(struct kept_findings *kept)
{
	kept->findings = (struct findings){.tell = keep_finding, .user = kept};
	kept->text[0] = '\0';
}

#endif
