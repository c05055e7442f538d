<?php

return [
    'secret_file' => env('PUSHSSE_SECRET_FILE', '/etc/pushsse/secret'),
    'key_file' => env('PUSHSSE_API_KEY_FILE', '/etc/pushsse/api-key'),
    'api' => env('PUSHSSE_API', 'http://127.0.0.1:2121'),
];
