<?php

namespace app\service;

use Pushsse;
use think\Service;

/* One Pushsse for each process, and with it one connection. Add this class to app/service.php. */
class PushsseService extends Service
{
    public function register()
    {
        $this->app->bind(Pushsse::class, function () {
            return new Pushsse($this->app->config->get('pushsse'));
        });
    }
}
