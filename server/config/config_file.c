#include "config_file.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "config_options.h"
#include "spelling.h"

static const char BOM[] = "\xef\xbb\xbf"; /* which some editors put in front */

/* A file being read. inih does not say where it is when it calls, so lines are counted here. */
struct loader {
	struct config config;
	struct sources sources;
	FILE *file;
	int line;
	bool owes_pair; /* the line is one that inih has to call load_pair with */
	bool is_binary; /* nothing more is read */
	bool is_named[CONFIG_OPTIONS_MAX]; /* of those that add up */
	struct findings *findings;
};

static void tell(struct loader *loader, const char *what)
{
	findings_add(loader->findings, FINDING_FAULT, "%.200s:%d: %s", loader->config.file,
		loader->line, what);
}

/* --- lines --------------------------------------------------------------------------------------
 */

/* Copies a line into `line`, of `size` bytes; without its comment, and without its indent, which
 * inih would take for the continuation of a value. `ret_is_cut`: the rest did not fit. Returns
 * false at the end of the file. */
static bool copy_line(struct loader *loader, char *line, size_t size, bool *ret_is_cut)
{
	size_t len = 0;
	bool is_any = false;
	bool is_comment = false;
	bool is_behind_blank = true;
	int character;

	*ret_is_cut = false;
	while ((character = getc(loader->file)) != EOF && character != '\n' && !loader->is_binary) {
		is_any = true;
		loader->is_binary = character == '\0';
		is_comment =
			is_comment || (is_behind_blank && (character == '#' || character == ';'));
		is_behind_blank = isspace(character);
		if (is_comment || (len == 0 && is_behind_blank)) {
			continue;
		}
		if (len + 2 < size) {
			line[len++] = (char)character;
		} else {
			*ret_is_cut = !is_behind_blank || *ret_is_cut;
		}
		if (loader->line == 1 && len == sizeof(BOM) - 1 && memcmp(line, BOM, len) == 0) {
			len = 0;
			is_behind_blank = true;
		}
	}
	memcpy(line + len, "\n", 2); /* a line without would go on, for inih */
	return is_any || character != EOF;
}

/* inih tells the first of the lines that it cannot read, not all. */
static void judge_last_line(struct loader *loader)
{
	if (loader->owes_pair) {
		tell(loader, "neither \"name = value\" nor a [section] nor a comment");
	}
	loader->owes_pair = false;
}

static bool is_section(const char *line)
{
	return line[0] == '[' && strchr(line, ']');
}

/* One line for inih, in the manner of fgets. */
static char *read_line(char *line, int size, void *stream)
{
	struct loader *loader = stream;
	bool is_cut;

	judge_last_line(loader);
	loader->line++;
	if (loader->is_binary || !copy_line(loader, line, (size_t)size, &is_cut)) {
		return NULL;
	}
	if (loader->is_binary) {
		tell(loader, "a NUL byte: this is no text file");
		return NULL;
	}
	if (is_cut) {
		char what[64];
		snprintf(what, sizeof(what), "longer than %d bytes", size - 2);
		tell(loader, what);
		memcpy(line, "\n", 2);
	}
	loader->owes_pair = line[0] != '\n' && !is_section(line);
	return line;
}

/* --- pairs --------------------------------------------------------------------------------------
 */

/* Whether a value was meant to end where a `#` stands without a blank before it. */
static const char *advice_on(const char *value)
{
	return strpbrk(value, "#;") ? " (a comment behind a value takes a blank before it)" : "";
}

/* Returns 0 on errors, as inih wants it; it goes on. */
static int load_pair(void *user, const char *section, const char *name, const char *value)
{
	struct loader *loader = user;
	char error[CONFIG_ERROR_MAX];
	char what[FINDINGS_LINE_MAX];

	(void)section;
	loader->owes_pair = false;
	int found = config_option_find(name);
	if (found >= 0 && config_option_adds_up((size_t)found) && !loader->is_named[found]) {
		loader->is_named[found] = true;
		config_option_clear(&loader->config, (size_t)found);
	}
	if (config_set(&loader->config, name, value, error) < 0) {
		snprintf(what, sizeof(what), "%.64s = %.128s: %s%s", name, value, error,
			advice_on(value));
		tell(loader, what);
		return 0;
	}
	size_t values = config_option_values(&loader->config, (size_t)found);
	sources_add_line(
		&loader->sources, (size_t)found, values > 0 ? values - 1 : 0, loader->line);
	return 1;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

static int fail_to_read(struct loader *loader, int error_number)
{
	findings_add(loader->findings, FINDING_FAULT, "cannot read %.400s: %s", loader->config.file,
		strerrordesc_np(error_number));
	return -error_number;
}

/* Errors: as config_file_load, but for faults. */
static int read_all(struct loader *loader)
{
	loader->file = fopen(loader->config.file, "re");
	if (!loader->file) {
		return fail_to_read(loader, errno);
	}
	errno = 0;
	ini_parse_stream(read_line, loader, load_pair, loader);
	int err = ferror(loader->file) ? fail_to_read(loader, errno > 0 ? errno : EIO) : 0;
	fclose(loader->file);
	return err;
}

int config_file_load(
	struct config *config, struct sources *sources, const char *path, struct findings *findings)
{
	struct loader loader = {.config = *config, .sources = *sources, .findings = findings};
	size_t faults = findings->faults;

	loader.config.file = path;
	int err = read_all(&loader);
	if (!err && findings->faults > faults) {
		err = -EINVAL;
	}
	if (!err) {
		*config = loader.config;
		*sources = loader.sources;
	}
	return err;
}
