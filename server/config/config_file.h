/* The config file: INI as inih reads it. */
#ifndef TIDEGATE_CONFIG_FILE_H
#define TIDEGATE_CONFIG_FILE_H

#include "config.h"

/* Reads a file over `config`: lines of `name = value`, names as in options.def and config_set.
 * Section headers are allowed and mean nothing. The listeners that the file names, if any, replace
 * all that were there. Nothing is cut off, skipped or guessed: the first bad line fails the file.
 * Thread: any. Errors: -errno; ret_error says `FILE:LINE: what is wrong and what is allowed`, or
 * that the file cannot be read. The config is untouched. */
int config_file_load(struct config *config, const char *path, char ret_error[CONFIG_ERROR_MAX]);

#endif
