/* A PKCS #11 library that passes every call on to another (REAL) and fails some
 * of them on request: those for which the folder named by ZEGEL_TEST_FAULTS at
 * C_Initialize holds a file of the function's name. The file holds
 *
 *     return-value times value
 *
 * The return value, if not 0, is returned instead of calling, and the value is
 * how many calls to let pass before. Otherwise the value is what the function's
 * answer is changed with. After so many times the file is removed. While there is a file NAME.hold the call waits before it is passed
 * on; NAME.held says that one is waiting.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong_t;
typedef ulong_t (*fn)();

struct functions {
	unsigned char version[2];
	fn call[68];
};

/* Where CK_FUNCTION_LIST keeps them (pkcs11f.h). */
enum { INITIALIZE = 0, TOKEN_INFO = 6, OPEN_SESSION = 12, LOGIN = 18, ATTRIBUTE = 24, SIGN_INIT = 42, SIGN = 43 };

/* The fields of CK_TOKEN_INFO that are changed. */
struct token_info {
	unsigned char text[96];
	ulong_t flags, max_sessions;
};

static struct functions *real, ours;
static char folder[4096];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void hold(const char *name)
{
	char path[4200], sign[4200];
	snprintf(path, sizeof path, "%s/%s.hold", folder, name);
	snprintf(sign, sizeof sign, "%s/%s.held", folder, name);
	if (folder[0] == 0 || access(path, F_OK) != 0)
		return;
	FILE *f = fopen(sign, "w");
	if (f)
		fclose(f);
	while (access(path, F_OK) == 0)
		usleep(500);
	unlink(sign);
}

/* fault says whether a call fails, with what, and the value to change with. */
static ulong_t fault(const char *name, ulong_t *value)
{
	char path[4200];
	ulong_t rv = 0, times = 0;
	*value = 0;
	hold(name);
	if (folder[0] == 0)
		return 0;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	pthread_mutex_lock(&lock);
	FILE *f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%lu %lu %lu", &rv, &times, value) != 3)
			abort();
		fclose(f);
		if (rv && *value) {
			if ((f = fopen(path, "w"))) {
				fprintf(f, "%lu %lu %lu", rv, times, *value - 1);
				fclose(f);
			}
			rv = 0;
		} else if (times <= 1) {
			unlink(path);
		} else if ((f = fopen(path, "w"))) {
			fprintf(f, "%lu %lu %lu", rv, times - 1, *value);
			fclose(f);
		}
	}
	pthread_mutex_unlock(&lock);
	return rv;
}

static ulong_t initialize(void *args)
{
	ulong_t value, rv = fault("C_Initialize", &value);
	const char *dir = getenv("ZEGEL_TEST_FAULTS");
	snprintf(folder, sizeof folder, "%s", dir ? dir : "");
	return rv ? rv : real->call[INITIALIZE](args);
}

static ulong_t token_info(ulong_t slot, struct token_info *info)
{
	ulong_t value, rv = fault("C_GetTokenInfo", &value);
	if (rv || (rv = real->call[TOKEN_INFO](slot, info)))
		return rv;
	info->flags |= value;
	rv = fault("C_GetTokenInfo.sessions", &value);
	if (value)
		info->max_sessions = value;
	return rv;
}

static ulong_t open_session(ulong_t slot, ulong_t flags, void *app, void *notify, ulong_t *session)
{
	ulong_t value, rv = fault("C_OpenSession", &value);
	return rv ? rv : real->call[OPEN_SESSION](slot, flags, app, notify, session);
}

static ulong_t login(ulong_t session, ulong_t user, char *pin, ulong_t n)
{
	ulong_t value, rv = fault("C_Login", &value);
	return rv ? rv : real->call[LOGIN](session, user, pin, n);
}

static ulong_t attribute(ulong_t session, ulong_t object, void *attrs, ulong_t n)
{
	ulong_t value, rv = fault("C_GetAttributeValue", &value);
	return rv ? rv : real->call[ATTRIBUTE](session, object, attrs, n);
}

static ulong_t sign_init(ulong_t session, void *mechanism, ulong_t key)
{
	ulong_t value, rv = fault("C_SignInit", &value);
	return rv ? rv : real->call[SIGN_INIT](session, mechanism, key);
}

static ulong_t sign(ulong_t session, void *data, ulong_t n, unsigned char *sig, ulong_t *size)
{
	ulong_t value = 0, rv = 0;
	if (sig) /* not when asked how long the answer will be */
		rv = fault("C_Sign", &value);
	if (rv || (rv = real->call[SIGN](session, data, n, sig, size)))
		return rv;
	if (sig && *size)
		sig[*size - 1] ^= (unsigned char)value;
	return 0;
}

ulong_t C_GetFunctionList(struct functions **list)
{
	if (!real) {
		void *lib = dlopen(REAL, RTLD_NOW);
		ulong_t (*get)(struct functions **) = lib ? (ulong_t(*)(struct functions **))dlsym(lib, "C_GetFunctionList") : 0;
		if (!get || get(&real))
			return 5; /* CKR_GENERAL_ERROR */
		ours = *real;
		ours.call[INITIALIZE] = (fn)initialize;
		ours.call[TOKEN_INFO] = (fn)token_info;
		ours.call[OPEN_SESSION] = (fn)open_session;
		ours.call[LOGIN] = (fn)login;
		ours.call[ATTRIBUTE] = (fn)attribute;
		ours.call[SIGN_INIT] = (fn)sign_init;
		ours.call[SIGN] = (fn)sign;
	}
	*list = &ours;
	return 0;
}
