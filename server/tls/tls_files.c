#include "tls_files.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "../../proto/slice.h"
#include "certificate.h"

enum {
	WHERE_MAX = 200, /* characters of a path that are shown */
};

/* --- files -------------------------------------------------------------------------------------
 */

void tls_files_name(struct tls_files *ret_files, const struct config *config)
{
	*ret_files = (struct tls_files){.count = config->tls_cert_count};
	for (size_t i = 0; i < ret_files->count; i++) {
		strcpy(ret_files->certificates[i].path, config->tls_cert[i]);
		strcpy(ret_files->keys[i].path, config->tls_key[i]);
	}
}

static bool has_changed(const struct tls_file *file)
{
	return !watched_file_is_known(&file->watched, file->path);
}

bool tls_files_have_changed(const struct tls_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		if (has_changed(&files->certificates[i]) || has_changed(&files->keys[i])) {
			return true;
		}
	}
	return false;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void read_file(struct tls_file *file, struct tls_text *ret_text)
{
	watched_file_note(&file->watched, file->path);
	ret_text->err = secret_file_read(file->path, &ret_text->text);
}

/* With all that decides whether it can be taken; its name does not. */
static bool add_to_digest(EVP_MD_CTX *digest, const struct tls_text *text)
{
	const struct {
		int err;
		int is_open;
		size_t len;
	} facts = {text->err, secret_text_is_open(&text->text), text->text.len};
	return EVP_DigestUpdate(digest, &facts, sizeof(facts)) == 1 &&
	       EVP_DigestUpdate(digest, text->text.data, text->text.len) == 1;
}

static int make_digest(size_t count, struct tls_texts *texts)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool is_good = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;
	for (size_t i = 0; i < count && is_good; i++) {
		is_good = add_to_digest(digest, &texts->certificates[i]) &&
			  add_to_digest(digest, &texts->keys[i]);
	}
	is_good = is_good && EVP_DigestFinal_ex(digest, texts->digest, NULL) == 1;
	EVP_MD_CTX_free(digest);
	return is_good ? 0 : -ENOMEM;
}

int tls_files_read(struct tls_files *files, struct tls_texts *ret_texts)
{
	*ret_texts = (struct tls_texts){.digest = {0}};
	for (size_t i = 0; i < files->count; i++) {
		read_file(&files->certificates[i], &ret_texts->certificates[i]);
		read_file(&files->keys[i], &ret_texts->keys[i]);
	}
	int err = make_digest(files->count, ret_texts);
	if (err) {
		tls_texts_finish(ret_texts);
	}
	return err;
}

void tls_texts_finish(struct tls_texts *texts)
{
	for (size_t i = 0; i < CONFIG_TLS_MAX; i++) {
		secret_text_finish(&texts->certificates[i].text);
		secret_text_finish(&texts->keys[i].text);
	}
}

/* --- parsing -----------------------------------------------------------------------------------
 */

static int complain(const char *option, const struct tls_file *file, const char *what,
	struct findings *findings)
{
	findings_add(findings, FINDING_FAULT, "%s: %.*s: %s", option, WHERE_MAX, file->path, what);
	return -EINVAL;
}

static struct slice slice_of_text(const struct tls_text *text)
{
	return (struct slice){text->text.data, text->text.len};
}

static int parse_pair(const struct tls_files *files, const struct tls_texts *texts, size_t index,
	struct findings *findings, struct certificate **ret_certificate)
{
	const struct tls_file *file = &files->certificates[index];
	const struct tls_file *key_file = &files->keys[index];
	const struct tls_text *text = &texts->certificates[index];
	const struct tls_text *key_text = &texts->keys[index];
	if (text->err) {
		return complain("tls_cert", file, secret_file_fault(text->err), findings);
	}
	if (key_text->err) {
		return complain("tls_key", key_file, secret_file_fault(key_text->err), findings);
	}
	if (secret_text_is_open(&key_text->text)) {
		return complain("tls_key", key_file,
			"others may read or change it: chmod o= takes that from them", findings);
	}
	const struct certificate_source source = {
		.path = file->path,
		.key_path = key_file->path,
		.text = slice_of_text(text),
		.key_text = slice_of_text(key_text),
	};
	return certificate_read(&source, findings, ret_certificate);
}

int tls_files_parse(const struct tls_files *files, const struct tls_texts *texts,
	struct findings *findings, struct tls_contexts **ret_contexts)
{
	struct certificate *certificates[CONFIG_TLS_MAX] = {NULL};
	int err = 0;
	for (size_t i = 0; i < files->count; i++) {
		int failed = parse_pair(files, texts, i, findings, &certificates[i]);
		err = err ? err : failed;
	}
	if (!err) {
		return tls_contexts_create(certificates, files->count, ret_contexts);
	}
	for (size_t i = 0; i < files->count; i++) {
		certificate_destroy(&certificates[i]);
	}
	return err;
}
