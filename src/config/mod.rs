//! The `[timelapse]` section of `moonraker.conf` and the settings of the UIs.
