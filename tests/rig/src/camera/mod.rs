//! A virtual webcam server that draws the machine as it truly stands at exposure time.
