<?php

namespace App\Providers;

use Illuminate\Support\ServiceProvider;
use Pushsse;

/* One Pushsse for each process, and with it one connection. Add this class to bootstrap/providers.php (Laravel 11 and
   later) or to `providers` in config/app.php. */
class PushsseServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        $this->app->singleton(Pushsse::class, fn () => new Pushsse(config('pushsse')));
    }
}
