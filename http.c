#include "http.h"

#include "scan.h"

/* A fragment never leaves a browser, and bytes above ASCII are not of a URI (RFC 3986): both are refused. */
static bool is_target(char c)
{
	return c > ' ' && c < 0x7f && c != '#';
}

/* Near enough to uri-host [":" port]: what would end an authority, or name a user in it, is not of a host. */
static bool is_host(char c)
{
	return is_target(c) && c != '/' && c != '?' && c != '@' && c != '\\';
}

/* The index of the first header of that name from index i on, request->headers when there is none. */
static size_t find_header(const struct http_request *request, size_t i, const char *name)
{
	struct slice wanted = slice_of(name);

	while (i < request->headers && !slice_equal_nocase(request->header[i].name, wanted))
		i++;
	return i;
}

/* The next member of a comma-separated list (RFC 9110 5.6.1); empty ones are none. False at the end. */
static bool next_member(struct slice *list, struct slice *member)
{
	while (list->at != NULL) {
		*member = slice_trim(slice_cut(list, ','));
		if (member->len > 0)
			return true;
	}
	return false;
}

/* The status for a long target must be the same whether what follows it has arrived or not. */
static int read_target(struct slice *in, struct slice *target)
{
	const char *from = in->at;
	int step = scan_word(in, is_target, target);

	return in->at - from > HTTP_TARGET_MAX ? -414 : step;
}

static int read_version(struct slice *in, int *minor)
{
	int step = scan_literal(in, " HTTP/");
	struct slice version;

	if (step != SCAN_DONE)
		return step;
	if (in->len < 3)
		return SCAN_MORE;
	version = slice_take(in, 3);
	if (!is_digit(version.at[0]) || version.at[1] != '.' || !is_digit(version.at[2]))
		return SCAN_BAD;
	if (version.at[0] != '1')
		return -505;
	*minor = version.at[2] != '0';
	return scan_literal(in, "\r\n");
}

/* Takes "http://authority" off an absolute-form target (RFC 9112 3.2.2). A host must be there (RFC 9110 4.2.1). */
static bool strip_authority(struct slice *target)
{
	struct slice scheme = slice_cut(target, ':');
	struct slice authority;

	if (!slice_is_nocase(scheme, "http") && !slice_is_nocase(scheme, "https"))
		return false;
	if (scan_literal(target, "//") != SCAN_DONE)
		return false;
	authority = scan_span(target, is_host);
	if (authority.len == 0 || authority.at[0] == ':')
		return false;
	return target->len == 0 || target->at[0] == '/' || target->at[0] == '?';
}

static int split_target(struct http_request *request, struct slice target)
{
	if (slice_is(target, "*")) {
		request->path = target;
		return slice_is(request->method, "OPTIONS") ? SCAN_DONE : SCAN_BAD;
	}
	if (target.at[0] != '/' && !strip_authority(&target))
		return SCAN_BAD;
	request->path = slice_cut(&target, '?');
	request->query = target;
	if (request->path.len == 0)
		request->path = slice_of("/");
	return SCAN_DONE;
}

static int read_request_line(struct slice *in, struct http_request *request)
{
	struct slice target;
	int step = scan_word(in, is_token, &request->method);

	if (step == SCAN_DONE)
		step = scan_literal(in, " ");
	if (step == SCAN_DONE)
		step = read_target(in, &target);
	if (step == SCAN_DONE)
		step = read_version(in, &request->minor);
	if (step == SCAN_DONE)
		step = split_target(request, target);
	return step;
}

static int read_headers(struct slice *in, struct http_request *request)
{
	while (in->len > 0 && in->at[0] != '\r') {
		int step;

		if (request->headers == HTTP_HEADERS_MAX)
			return -431;
		step = scan_field(in, &request->header[request->headers]);
		if (step != SCAN_DONE)
			return step;
		request->headers++;
	}
	return scan_literal(in, "\r\n");
}

static int check_host(const struct http_request *request)
{
	size_t i = find_header(request, 0, "host");
	struct slice host;

	if (i == request->headers)
		return request->minor == 0 ? SCAN_DONE : SCAN_BAD;
	host = request->header[i].value;
	(void)scan_span(&host, is_host);
	return host.len == 0 && find_header(request, i + 1, "host") == request->headers ? SCAN_DONE : SCAN_BAD;
}

/*
 * RFC 9110 5.3: only lists come in several lines. A proxy in front may have let in the one, and this the other: who one is
 * has one answer.
 */
static int check_credentials(const struct http_request *request)
{
	return http_count_header(request, "authorization") > 1 ? SCAN_BAD : SCAN_DONE;
}

/* 19 digits fit into 64 bits, not all of them into 63. */
static int read_content_length(struct slice digits, int64_t *length)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < digits.len; i++) {
		if (!is_digit(digits.at[i]))
			return SCAN_BAD;
		if (i < 19)
			sum = sum * 10 + (uint64_t)(digits.at[i] - '0');
	}
	if (digits.len == 0)
		return SCAN_BAD;
	if (digits.len > 19 || sum > INT64_MAX)
		return -413;
	*length = (int64_t)sum;
	return SCAN_DONE;
}

/* RFC 9112 6.1 and 6.3: unless chunked is the last coding, and once, no reader can know where the body ends. */
static int read_transfer_coding(struct slice codings, bool *chunked)
{
	struct slice coding;
	int times = 0;
	bool last = false;

	*chunked = slice_is_nocase(codings, "chunked");
	if (*chunked)
		return SCAN_DONE;
	while (next_member(&codings, &coding)) {
		last = slice_is_nocase(coding, "chunked");
		times += last;
	}
	return last && times == 1 ? -501 : SCAN_BAD;
}

/* How long the body is: the question on which request smuggling lives, so only one answer is taken, given once. */
static int read_framing(struct http_request *request)
{
	size_t lengths = http_count_header(request, "content-length");
	size_t codings = http_count_header(request, "transfer-encoding");

	if (lengths + codings > 1 || (codings == 1 && request->minor == 0))
		return SCAN_BAD;
	if (codings == 1)
		return read_transfer_coding(http_header(request, "transfer-encoding"), &request->chunked);
	if (lengths == 1)
		return read_content_length(http_header(request, "content-length"), &request->content_length);
	return SCAN_DONE;
}

/* RFC 9112 9.3: close wins, then the version decides, then keep-alive. */
static bool wants_keep_alive(const struct http_request *request)
{
	bool keep = request->minor > 0;
	size_t i;

	for (i = 0; (i = find_header(request, i, "connection")) < request->headers; i++) {
		struct slice list = request->header[i].value, option;

		while (next_member(&list, &option)) {
			if (slice_is_nocase(option, "close"))
				return false;
			if (slice_is_nocase(option, "keep-alive"))
				keep = true;
		}
	}
	return keep;
}

static int read_expect(struct http_request *request)
{
	size_t i;

	if (request->minor == 0)
		return SCAN_DONE;
	for (i = 0; (i = find_header(request, i, "expect")) < request->headers; i++) {
		struct slice list = request->header[i].value, expectation;

		while (next_member(&list, &expectation)) {
			if (!slice_is_nocase(expectation, "100-continue"))
				return -417;
			request->expect_continue = true;
		}
	}
	return SCAN_DONE;
}

static int read_head(struct slice *in, struct http_request *request)
{
	int step = SCAN_DONE;

	if (in->len > 0 && in->at[0] == '\r')
		step = scan_literal(in, "\r\n");
	if (step == SCAN_DONE)
		step = read_request_line(in, request);
	if (step == SCAN_DONE)
		step = read_headers(in, request);
	if (step == SCAN_DONE)
		step = check_host(request);
	if (step == SCAN_DONE)
		step = check_credentials(request);
	if (step == SCAN_DONE)
		step = read_framing(request);
	if (step == SCAN_DONE)
		step = read_expect(request);
	return step;
}

/* All but the header lines, 3 KiB of them, which are good up to `headers`. */
static void forget(struct http_request *request)
{
	request->method = request->path = request->query = (struct slice){NULL, 0};
	request->minor = 1;
	request->headers = 0;
	request->content_length = -1;
	request->chunked = request->keep_alive = request->expect_continue = false;
}

/* Only HTTP_HEAD_MAX bytes are ever looked at, so that a long head is refused alike however it arrives. */
int http_parse_request(const char *at, size_t len, struct http_request *request)
{
	struct slice in = {at, len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX};
	int step;

	forget(request);
	step = read_head(&in, request);
	if (step == SCAN_MORE)
		return len < HTTP_HEAD_MAX ? 0 : -431;
	if (step != SCAN_DONE)
		return step;
	request->keep_alive = wants_keep_alive(request);
	return (int)(in.at - at);
}

struct slice http_header(const struct http_request *request, const char *name)
{
	size_t i = find_header(request, 0, name);

	return i < request->headers ? request->header[i].value : (struct slice){NULL, 0};
}

size_t http_count_header(const struct http_request *request, const char *name)
{
	size_t count = 0, i;

	for (i = 0; (i = find_header(request, i, name)) < request->headers; i++)
		count++;
	return count;
}

bool http_type_is(struct slice content_type, const char *type)
{
	return slice_is_nocase(slice_trim(slice_cut(&content_type, ';')), type);
}

/* How closely a media range names a type: 3 exactly, 2 its major type, 1 any type, 0 another one, -1 malformed. */
static int rank_range(struct slice range, struct slice type)
{
	struct slice range_major, type_major;

	if (slice_equal_nocase(range, type))
		return 3;
	if (slice_is(range, "*/*"))
		return 1;
	range_major = slice_cut(&range, '/');
	type_major = slice_cut(&type, '/');
	if (range_major.len == 0 || range.len == 0)
		return -1;
	return slice_is(range, "*") && slice_equal_nocase(range_major, type_major) ? 2 : 0;
}

/* What the parameters of a media range say of it: 1 it is wanted, 0 it is not (q=0), -1 malformed. */
static int read_weight(struct slice parameters)
{
	int weight = 1;

	while (parameters.at != NULL) {
		struct slice value = slice_trim(slice_cut(&parameters, ';'));
		size_t i;

		if (!slice_is_nocase(slice_cut(&value, '='), "q"))
			continue;
		if (value.len == 0)
			return -1;
		for (weight = 0, i = 0; i < value.len; i++) {
			if (!is_digit(value.at[i]) && value.at[i] != '.')
				return -1;
			if (value.at[i] > '0')
				weight = 1;
		}
	}
	return weight;
}

/* RFC 9110 12.5.1. An Accept that nobody can read excludes nothing. */
bool http_accepts(struct slice accept, const char *type)
{
	bool allowed = true;
	struct slice range;
	int best = -1;

	while (next_member(&accept, &range)) {
		struct slice parameters = range;
		int rank = rank_range(slice_trim(slice_cut(&parameters, ';')), slice_of(type));
		int weight = read_weight(parameters);

		if (rank < 0 || weight < 0)
			return true;
		if (rank > best) {
			best = rank;
			allowed = false;
		}
		if (rank == best && rank > 0 && weight > 0)
			allowed = true;
	}
	return allowed;
}

struct slice http_cookie(struct slice header, const char *name)
{
	while (header.at != NULL) {
		struct slice value = slice_trim(slice_cut(&header, ';'));

		if (!slice_is(slice_cut(&value, '='), name) || value.at == NULL)
			continue;
		if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
			value = (struct slice){value.at + 1, value.len - 2};
		return value;
	}
	return (struct slice){NULL, 0};
}

struct slice http_bearer(struct slice authorization)
{
	struct slice scheme = slice_cut(&authorization, ' ');
	struct slice credentials = slice_trim(authorization);

	return slice_is_nocase(scheme, "bearer") && credentials.len > 0 ? credentials : (struct slice){NULL, 0};
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{100, "Continue"},
		{200, "OK"},
		{204, "No Content"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{406, "Not Acceptable"},
		{408, "Request Timeout"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{417, "Expectation Failed"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
		{507, "Insufficient Storage"},
	};
	size_t i;

	for (i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}
