/*
 * main.c: calls a target: with LIBFUZZER as libFuzzer's, else with each file that is named, or that is in a
 * directory that is named. So what was found can be looked at without libFuzzer, and coverage be measured by another
 * compiler.
 */
#include <dirent.h>

#include "fuzz.h"

#ifdef LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz((struct slice){size ? (const char *)data : "", size});
	return 0;
}

#else

static void run_file(const char *path)
{
	struct buffer bytes = {0};
	FILE *file = fopen(path, "rb");
	size_t got;

	must(file != NULL, path);
	do {
		must(buffer_reserve(&bytes, 4096), "memory");
		got = fread(bytes.at + bytes.len, 1, 4096, file);
		bytes.len += got;
	} while (got);
	(void)fclose(file);
	fuzz(contents(&bytes));
	buffer_free(&bytes);
}

static void run_directory(DIR *directory, const char *path)
{
	const struct dirent *entry;
	char name[4096];

	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		run_file(name);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *directory = opendir(argv[i]);

		if (directory)
			run_directory(directory, argv[i]);
		else
			run_file(argv[i]);
		if (directory)
			(void)closedir(directory);
	}
	return 0;
}

#endif
