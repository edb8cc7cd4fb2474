// SPDX-License-Identifier: Apache-2.0
#include "os/late.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

static void *open_first(const char *const *names)
{
	void *library = NULL;

	for (size_t i = 0; names[i] && !library; i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return library;
}

int late_load(const char *const *names, const struct late_function *functions, size_t n, struct errtext *err)
{
	void *library = open_first(names);

	if (!library)
		return errtext_set(err, ENOENT, "the library %s cannot be loaded: %s", names[0], dlerror());
	for (size_t i = 0; i < n; i++)
		if (!dlsym(library, functions[i].name)) {
			errtext_set(err, ENOENT, "the library %s has no %s(): another version is needed", names[0],
				    functions[i].name);
			dlclose(library);
			return -ENOENT;
		}
	/* As a pointer to an object: dlsym() has no other way to say it (POSIX allows it). */
	for (size_t i = 0; i < n; i++)
		*(void **)functions[i].pointer = dlsym(library, functions[i].name);
	return 0;
}
