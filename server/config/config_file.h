/* The config file: INI as inih reads it. */
#ifndef TIDEGATE_CONFIG_FILE_H
#define TIDEGATE_CONFIG_FILE_H

#include "config.h"
#include "findings.h"
#include "sources.h"

/* Reads a file over `config`: lines of `name = value`, names as in options.def and config_set; `#`
 * and `;` begin a comment, at the beginning of a line or behind a blank. Section headers are
 * allowed and mean nothing. The listeners that the file names, if any, replace all that were there.
 * Where a name is repeated the last line wins, which `sources` keep for config_check. Nothing is
 * cut off, skipped or guessed: each bad line is a fault, as `FILE:LINE: name = value: what is
 * allowed`, and then nothing of the file is taken. `path` is kept, as config->file. Thread: any.
 * Errors: -errno of reading, -EINVAL for faults; config and sources are untouched. */
int config_file_load(struct config *config, struct sources *sources, const char *path,
	struct findings *findings);

#endif
