<?php
/* The page asks here for its token: at first, and when it has expired. Who the user is comes from the session. */
require __DIR__ . '/config.php';

header('Content-Type: text/plain');
header('Cache-Control: no-store');
if (current_uid() === null) {
    http_response_code(403);
    exit;
}
echo pushsse()->token(current_uid(), 600, ['news']);
