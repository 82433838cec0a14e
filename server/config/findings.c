#include "findings.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/journal.h"
#include "../base/log.h"
#include "../base/log_line.h"

void findings_tell_terminal(void *user, enum finding kind, const char *line)
{
	if (kind == FINDING_FAULT) {
		log_complain("%s", line);
	} else {
		fprintf(stderr, "%stidegate: warning: %s\n",
			journal_reads(STDERR_FILENO) ? log_level_priority(LOG_LEVEL_WARN) : "",
			line);
	}
}

void findings_tell_log(void *user, enum finding kind, const char *line)
{
	if (kind == FINDING_FAULT) {
		log_error(0, "%s", line);
	} else {
		log_warn(0, "%s", line);
	}
}

void findings_add(struct findings *findings, enum finding kind, const char *format, ...)
{
	char line[FINDINGS_LINE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (char *character = line; *character; character++) {
		if (iscntrl((unsigned char)*character)) {
			*character = '?';
		}
	}
	if (kind == FINDING_FAULT) {
		findings->faults++;
	} else {
		findings->warnings++;
	}
	findings->tell(findings->user, kind, line);
}
