#include "config_file.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

/* A file being read. inih does not say where it is when it calls, so lines are counted here. */
struct loader {
	struct config config;
	const char *path;
	FILE *file;
	int line;
	bool names_listen;
	int err;        /* the first; reading ends with it */
	int error_line; /* of `err` */
	char *error;    /* CONFIG_ERROR_MAX bytes */
};

static void loader_fail(struct loader *loader, int line, int err, const char *what)
{
	snprintf(loader->error, CONFIG_ERROR_MAX, "%.150s:%d: %.340s", loader->path, line, what);
	loader->err = err;
	loader->error_line = line;
}

static int fail_to_read(const char *path, int error_number, char *ret_error)
{
	snprintf(ret_error, CONFIG_ERROR_MAX, "cannot read %.400s: %s", path,
		strerror(error_number));
	return -error_number;
}

/* One line for inih, in the manner of fgets. Cuts nothing off silently; takes off the indent, which
 * inih would take for the continuation of a value. */
static char *read_line(char *line, int size, void *stream)
{
	struct loader *loader = stream;
	size_t len = 0;
	bool is_cut = false;
	bool has_nul = false;
	int character;

	if (loader->err < 0) {
		return NULL;
	}
	loader->line++;
	while ((character = getc(loader->file)) != EOF && character != '\n') {
		if (len == 0 && isspace(character)) {
			continue;
		}
		if (len + 2 < (size_t)size) {
			line[len++] = (char)character;
		} else {
			is_cut = true;
		}
		has_nul = has_nul || character == '\0';
	}
	memcpy(line + len, "\n", 2); /* a line without would go on, for inih */
	if (has_nul) {
		loader_fail(loader, loader->line, -EINVAL, "a NUL byte: this is no text file");
	} else if (is_cut && line[0] != '#' && line[0] != ';') {
		char what[64];
		snprintf(what, sizeof(what), "longer than %d bytes", size - 2);
		loader_fail(loader, loader->line, -EINVAL, what);
	}
	return loader->err < 0 || (character == EOF && len == 0) ? NULL : line;
}

/* Returns 0 on errors, as inih wants it. */
static int load_pair(void *user, const char *section, const char *name, const char *value)
{
	struct loader *loader = user;
	char what[CONFIG_ERROR_MAX];

	(void)section;
	if (config_name_is("listen", name) && !loader->names_listen) {
		loader->names_listen = true;
		loader->config.listen_count = 0;
	}
	int err = config_set(&loader->config, name, value, what);
	if (err < 0) {
		loader_fail(loader, loader->line, err, what);
	}
	return err == 0;
}

int config_file_load(struct config *config, const char *path, char ret_error[CONFIG_ERROR_MAX])
{
	struct loader loader = {.config = *config, .path = path, .error = ret_error};

	loader.file = fopen(path, "re");
	if (!loader.file) {
		return fail_to_read(path, errno, ret_error);
	}
	errno = 0;
	int bad_line = ini_parse_stream(read_line, &loader, load_pair, &loader);
	if (ferror(loader.file)) {
		loader.err = fail_to_read(path, errno > 0 ? errno : EIO, ret_error);
	} else if (bad_line > 0 && (loader.err == 0 || bad_line < loader.error_line)) {
		loader_fail(&loader, bad_line, -EINVAL,
			"neither \"name = value\" nor a [section] nor a comment");
	}
	fclose(loader.file);
	if (loader.err == 0) {
		*config = loader.config;
	}
	return loader.err;
}
