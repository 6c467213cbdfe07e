//! Every setting of Moonlapse: the one source of names, types, defaults, ranges and explanations.
//!
//! The JSON schema that the Moonraker component reads, the table in `docs/configuration.md` and the list in
//! `moonraker.conf.example` are generated from this struct (`moonlapse schema`). Names, meanings and defaults of the first
//! group are those of moonraker-timelapse, so that its section and the saved settings of its users keep working.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What decides that a frame is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(missing_docs, reason = "described at the setting")]
pub enum Mode {
    Auto,
    LayerMacro,
    Hyperlapse,
    Live,
    Height,
    Timer,
    Gcode,
}

impl Mode {
    /// Whether the agent reads the file and chooses the moments itself; with [`Mode::Auto`] unless the file brings calls
    /// of its own.
    #[must_use]
    pub fn plans(self) -> bool {
        !matches!(self, Self::LayerMacro | Self::Hyperlapse)
    }

    /// Whether calls of `TIMELAPSE_TAKE_FRAME` in the file count.
    #[must_use]
    pub fn takes_calls(self) -> bool {
        matches!(self, Self::Auto | Self::LayerMacro)
    }
}

/// Where the head goes for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[allow(missing_docs, reason = "the names are places on the bed as seen from the front")]
pub enum ParkPosition {
    Center,
    FrontLeft,
    FrontRight,
    BackLeft,
    BackRight,
    XOnly,
    YOnly,
    Custom,
}

/// What is encoded while a print is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(missing_docs, reason = "described at the setting")]
pub enum FilmWhilePrinting {
    Segments,
    All,
    Nothing,
}

/// What becomes of the frames of a print that was not completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(missing_docs, reason = "described at the setting")]
pub enum AfterPrint {
    Film,
    Keep,
    Discard,
}

/// The settings in force.
///
/// `x-scope` tells who may set one: `ui` (Mainsail, Fluidd or moonraker.conf), `readonly` (moonraker.conf; the UIs
/// read it) or `conf` (moonraker.conf only).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Settings {
    /// Films every print. Off: no frames, no moves, no scripts.
    #[schemars(extend("x-scope" = "ui"))]
    pub enabled: bool,
    /// `auto`: a frame in every layer, at moments that Moonlapse chooses from the file; when the file calls
    /// TIMELAPSE_TAKE_FRAME, its calls are used. `layermacro`: only the file's calls. `hyperlapse`: a frame every
    /// `hyperlapse_cycle` seconds, wherever the head is. `live`: as `auto`, but calls of the file are passed over.
    /// `height`: as `live`, a frame every `height_increment`. `timer`: as `live`, a frame in the next good moment every
    /// `hyperlapse_cycle` seconds. `gcode`: as `live`, a frame behind every `snapshot_gcode` in the file.
    #[schemars(extend("x-scope" = "ui"))]
    pub mode: Mode,
    /// Name or uid of the webcam in Moonraker; empty takes the first one that is enabled.
    #[schemars(extend("x-scope" = "ui"))]
    pub camera: String,
    /// Time between exposure and arrival of a picture, for cameras that do not tell it themselves.
    #[schemars(range(min = 0.0, max = 10.0), extend("x-scope" = "ui", "x-unit" = "s"))]
    pub stream_delay_compensation: f64,
    /// Shows on the console what the frame macro does.
    #[schemars(extend("x-scope" = "ui"))]
    pub gcode_verbose: bool,
    /// Moves the head to the park position for each frame.
    #[schemars(extend("x-scope" = "ui"))]
    pub parkhead: bool,
    /// Park position. `x_only` and `y_only` leave the other axis where it is; `custom` takes both custom coordinates.
    #[schemars(extend("x-scope" = "ui"))]
    pub parkpos: ParkPosition,
    /// X of the park position for `custom` and `x_only`.
    #[schemars(range(min = -1000.0, max = 2000.0), extend("x-scope" = "ui", "x-unit" = "mm"))]
    pub park_custom_pos_x: f64,
    /// Y of the park position for `custom` and `y_only`.
    #[schemars(range(min = -1000.0, max = 2000.0), extend("x-scope" = "ui", "x-unit" = "mm"))]
    pub park_custom_pos_y: f64,
    /// How far the nozzle is lifted for `custom`, `x_only` and `y_only`.
    #[schemars(range(min = 0.0, max = 100.0), extend("x-scope" = "ui", "x-unit" = "mm"))]
    pub park_custom_pos_dz: f64,
    /// Speed of park and return moves.
    #[schemars(range(min = 1, max = 2000), extend("x-scope" = "ui", "x-unit" = "mm/s"))]
    pub park_travel_speed: u32,
    /// Speed of the retraction before parking.
    #[schemars(range(min = 1, max = 500), extend("x-scope" = "ui", "x-unit" = "mm/s"))]
    pub park_retract_speed: u32,
    /// Speed of the unretraction after the return.
    #[schemars(range(min = 1, max = 500), extend("x-scope" = "ui", "x-unit" = "mm/s"))]
    pub park_extrude_speed: u32,
    /// Filament retracted before parking.
    #[schemars(range(min = 0.0, max = 20.0), extend("x-scope" = "ui", "x-unit" = "mm"))]
    pub park_retract_distance: f64,
    /// Filament pushed back after the return. Keep it equal to `park_retract_distance` unless the print shows gaps.
    #[schemars(range(min = 0.0, max = 20.0), extend("x-scope" = "ui", "x-unit" = "mm"))]
    pub park_extrude_distance: f64,
    /// Least time that the head stands at the park position. Moonlapse lengthens it to what the camera needs.
    #[schemars(range(min = 0.0, max = 5.0), extend("x-scope" = "ui", "x-unit" = "s"))]
    pub park_time: f64,
    /// Retracts with G10 and G11 (needs `[firmware_retraction]`) instead of the four settings above.
    #[schemars(extend("x-scope" = "ui"))]
    pub fw_retract: bool,
    /// Time from one hyperlapse frame to the next.
    #[schemars(range(min = 1, max = 86400), extend("x-scope" = "ui", "x-unit" = "s"))]
    pub hyperlapse_cycle: u32,
    /// Makes the film when the print is complete.
    #[schemars(extend("x-scope" = "ui"))]
    pub autorender: bool,
    /// Quality of the film (CRF of x264): lower is better and larger.
    #[schemars(range(min = 0, max = 51), extend("x-scope" = "ui"))]
    pub constant_rate_factor: u32,
    /// Frames a second of the film.
    #[schemars(range(min = 1.0, max = 240.0), extend("x-scope" = "ui", "x-unit" = "1/s"))]
    pub output_framerate: f64,
    /// Pixel format of the film; yuv420p plays everywhere.
    #[schemars(extend("x-scope" = "ui"))]
    pub pixelformat: String,
    /// Date and time in the film's name, in the codes of strftime.
    #[schemars(extend("x-scope" = "ui"))]
    pub time_format_code: String,
    /// More arguments for ffmpeg, for its output.
    #[schemars(extend("x-scope" = "ui"))]
    pub extraoutputparams: String,
    /// Chooses the frame rate so that the film lasts `targetlength`.
    #[schemars(extend("x-scope" = "ui"))]
    pub variable_fps: bool,
    /// Length of a film with `variable_fps`.
    #[schemars(range(min = 1, max = 86400), extend("x-scope" = "ui", "x-unit" = "s"))]
    pub targetlength: u32,
    /// Lowest frame rate with `variable_fps`.
    #[schemars(range(min = 1, max = 240), extend("x-scope" = "ui", "x-unit" = "1/s"))]
    pub variable_fps_min: u32,
    /// Highest frame rate with `variable_fps`.
    #[schemars(range(min = 1, max = 240), extend("x-scope" = "ui", "x-unit" = "1/s"))]
    pub variable_fps_max: u32,
    /// How often the last frame is shown again at the end.
    #[schemars(range(min = 0, max = 10000), extend("x-scope" = "ui"))]
    pub duplicatelastframe: u32,
    /// Puts a picture of the last frame beside the film.
    #[schemars(extend("x-scope" = "ui"))]
    pub previewimage: bool,
    /// Puts all frames as a zip beside the film.
    #[schemars(extend("x-scope" = "ui"))]
    pub saveframes: bool,

    /// Turns the film clockwise. Follows the webcam unless set here.
    #[schemars(range(min = 0, max = 359), extend("x-scope" = "readonly", "x-unit" = "°"))]
    pub rotation: u32,
    /// Mirrors the film left to right. Follows the webcam unless set here.
    #[schemars(extend("x-scope" = "readonly"))]
    pub flip_x: bool,
    /// Mirrors the film top to bottom. Follows the webcam unless set here.
    #[schemars(extend("x-scope" = "readonly"))]
    pub flip_y: bool,
    /// Address of a snapshot, when the camera is not one of Moonraker's webcams. Setting it overrides `camera`.
    #[schemars(extend("x-scope" = "readonly"))]
    pub snapshoturl: String,

    /// Folder of the finished films.
    #[schemars(extend("x-scope" = "conf"))]
    pub output_path: String,
    /// Folder in which the UIs find the frames of the latest print.
    #[schemars(extend("x-scope" = "conf"))]
    pub frame_path: String,
    /// The ffmpeg program.
    #[schemars(extend("x-scope" = "conf"))]
    pub ffmpeg_binary_path: String,
    /// Accepts any certificate of cameras over https, such as those that cameras sign themselves.
    #[schemars(extend("x-scope" = "conf"))]
    pub wget_skip_cert_check: bool,
    /// Folder of the frame store; empty takes `moonlapse` in Moonraker's data folder. Not on a RAM disk: frames must
    /// survive a power loss.
    #[schemars(extend("x-scope" = "conf"))]
    pub session_path: String,

    // Where and when the planned frames are taken.
    /// Where the head goes, when `parkpos` is not enough: `nearest_edge` (the place at the edge of the bed with the least
    /// travel for this model), `orbit`, `back`, `left`, `120,5%`, `0/10/20:loop,200`; see docs/triggers.md. Empty takes
    /// `parkpos`.
    #[schemars(extend("x-scope" = "ui"))]
    pub park: String,
    /// How the moment in a layer is chosen: `retracted_travel` (the filament is back already), `fast`, `compatible`,
    /// `high_quality`, `snap_to_print`, or `zero_motion` (no move and no stop: the frame is taken as the head passes).
    #[schemars(extend("x-scope" = "ui"))]
    pub placement: String,
    /// Acceleration of park and return moves; 0 leaves it as the file has set it.
    #[schemars(range(min = 0, max = 100000), extend("x-scope" = "ui", "x-unit" = "mm/s²"))]
    pub park_travel_accel: u32,
    /// Room that the head needs beside finished objects that stand higher than the nozzle.
    #[schemars(range(min = 0.0, max = 200.0), extend("x-scope" = "ui", "x-unit" = "mm"))]
    pub clearance: f64,
    /// Areas of the bed, one a line: `avoid`, `forbidden` or `required`, then `rectangle X1 Y1 X2 Y2` or `circle X Y RADIUS`
    /// (mm). The head does not cross what is to be avoided, and no frame begins in what is forbidden, or outside of all
    /// that is required.
    #[schemars(extend("x-scope" = "ui"))]
    pub restrictions: String,
    /// A frame in every so many layers, for `auto` and `live`.
    #[schemars(range(min = 1, max = 1000), extend("x-scope" = "ui"))]
    pub every_layers: u32,
    /// Height from one frame to the next, for `mode: height`.
    #[schemars(range(min = 0.01, max = 100.0), extend("x-scope" = "ui", "x-unit" = "mm"))]
    pub height_increment: f64,
    /// Also films by time, every `hyperlapse_cycle` seconds wherever the head is, into a film of its own.
    #[schemars(extend("x-scope" = "ui"))]
    pub hyperlapse_beside: bool,
    /// The command that asks for a frame, for `mode: gcode`; empty takes TIMELAPSE_TAKE_FRAME, SNAP, @TIMELAPSE
    /// TAKE-SNAPSHOT and @OCTOLAPSE TAKE-SNAPSHOT.
    #[schemars(extend("x-scope" = "ui"))]
    pub snapshot_gcode: String,
    // Cameras beside the main one.
    /// More webcams to film with, by name or uid, separated by commas or one a line; `all` takes every enabled one. Each
    /// has its own film. The main one stays `camera`.
    #[schemars(extend("x-scope" = "ui"))]
    pub cameras: String,
    /// The webcam, by name or uid, for which the head stands still as long as it needs; a slower one misses frames then.
    /// Empty waits for the slowest.
    #[schemars(extend("x-scope" = "ui"))]
    pub hold_camera: String,
    /// What differs from the webcam's entry in Moonraker, one webcam a line: its name or uid, a colon, and any of
    /// `delay=SECONDS`, `rotation=DEGREES`, `flip_x`, `flip_y`, `crop=LEFT,TOP,WIDTH,HEIGHT` (in percent), `stills` (its
    /// snapshots instead of its stream, where they are larger).
    #[schemars(extend("x-scope" = "readonly"))]
    pub camera_options: String,
    /// After this many frames in a row that a camera did not give, a line on the console says so; 0 never does.
    #[schemars(range(min = 0, max = 10000), extend("x-scope" = "ui"))]
    pub camera_gone_after: u32,

    // Annotated files.
    /// Puts the frame calls into each G-code file when it is uploaded, so that every frame is met exactly; see
    /// docs/annotated-files.md. `moonlapse strip` takes them out again.
    #[schemars(extend("x-scope" = "ui"))]
    pub annotate_files: bool,

    // When films are made.
    /// What is encoded while a print is under way, at the lowest priority and only while the host has time to spare.
    /// `segments`: parts of this print's film, so that it is there when the print ends. `all`: waiting films too.
    /// `nothing`: all films are made after the print.
    #[schemars(extend("x-scope" = "ui"))]
    pub film_while_printing: FilmWhilePrinting,
    /// What becomes of the frames of a cancelled print: `film`, `keep` (`moonlapse render` makes a film of them), or
    /// `discard`.
    #[schemars(extend("x-scope" = "ui"))]
    pub cancelled_print: AfterPrint,
    /// What becomes of the frames of a print that ended with an error, as for `cancelled_print`.
    #[schemars(extend("x-scope" = "ui"))]
    pub failed_print: AfterPrint,
    /// An http or https address that is told of each film, or why there is none, by a POST with JSON. May be a secret.
    #[schemars(extend("x-scope" = "conf"))]
    pub webhook_url: String,

    // The disk.
    /// Frames are not stored, and films not made, when less than this would be left free on the disk.
    #[schemars(range(min = 0, max = 1_000_000), extend("x-scope" = "ui", "x-unit" = "MB"))]
    pub disk_reserve: u32,
    /// Deletes the frames of prints that ended longer ago; 0 sets no limit.
    #[schemars(range(min = 0, max = 36_500), extend("x-scope" = "ui", "x-unit" = "days"))]
    pub keep_frames_days: u32,
    /// Keeps the frames of so many prints, the newest; 0 sets no limit.
    #[schemars(range(min = 0, max = 100_000), extend("x-scope" = "ui"))]
    pub keep_frames_count: u32,
    /// Deletes the frames of the oldest prints when all take more than this; 0 sets no limit. The newest print stays.
    #[schemars(range(min = 0, max = 100_000_000), extend("x-scope" = "ui", "x-unit" = "MB"))]
    pub keep_frames_size: u32,
    /// Deletes films that are older; 0 sets no limit.
    #[schemars(range(min = 0, max = 36_500), extend("x-scope" = "ui", "x-unit" = "days"))]
    pub keep_films_days: u32,
    /// Keeps so many films, the newest; 0 sets no limit.
    #[schemars(range(min = 0, max = 100_000), extend("x-scope" = "ui"))]
    pub keep_films_count: u32,
    /// Deletes the oldest films when all take more than this; 0 sets no limit.
    #[schemars(range(min = 0, max = 100_000_000), extend("x-scope" = "ui", "x-unit" = "MB"))]
    pub keep_films_size: u32,

    // What is done around prints, frames and films.
    /// Command for a shell, run when a print begins. See docs/hooks.md for what it is told.
    #[schemars(extend("x-scope" = "conf"))]
    pub hook_before_print: String,
    /// Command for a shell, run when a print has ended and its last frame is taken.
    #[schemars(extend("x-scope" = "conf"))]
    pub hook_after_print: String,
    /// Command for a shell, run when a frame is announced, while the head is on its way. The frame does not wait for it.
    #[schemars(extend("x-scope" = "conf"))]
    pub hook_before_frame: String,
    /// Command for a shell, run when all cameras have given their frame.
    #[schemars(extend("x-scope" = "conf"))]
    pub hook_after_frame: String,
    /// Command for a shell, run before a film is made.
    #[schemars(extend("x-scope" = "conf"))]
    pub hook_before_film: String,
    /// Command for a shell, run when a film was made, such as an upload.
    #[schemars(extend("x-scope" = "conf"))]
    pub hook_after_film: String,
    /// Command for a shell, run when a camera has missed `camera_gone_after` frames in a row.
    #[schemars(extend("x-scope" = "conf"))]
    pub hook_camera_gone: String,
    /// After this a command is killed with all that it has started.
    #[schemars(range(min = 1, max = 3600), extend("x-scope" = "conf", "x-unit" = "s"))]
    pub hook_timeout: u32,
    /// G-code, run when a print begins.
    #[schemars(extend("x-scope" = "conf"))]
    pub gcode_before_print: String,
    /// G-code, run when a print has ended.
    #[schemars(extend("x-scope" = "conf"))]
    pub gcode_after_print: String,
    /// Name of a macro, run when the head has arrived for a frame, before it stands still.
    #[schemars(extend("x-scope" = "conf"))]
    pub gcode_before_frame: String,
    /// Name of a macro, run when the head has stood still for a frame, before it returns.
    #[schemars(extend("x-scope" = "conf"))]
    pub gcode_after_frame: String,
    /// G-code, run before a film is made.
    #[schemars(extend("x-scope" = "conf"))]
    pub gcode_before_film: String,
    /// G-code, run when a film was made.
    #[schemars(extend("x-scope" = "conf"))]
    pub gcode_after_film: String,
    /// G-code, run when a camera has missed `camera_gone_after` frames in a row.
    #[schemars(extend("x-scope" = "conf"))]
    pub gcode_camera_gone: String,
    /// An `[output_pin]`, `[led]`, `[neopixel]` or `[dotstar]` of Klipper, by its name, that is switched on for each frame.
    #[schemars(extend("x-scope" = "conf"))]
    pub light_pin: String,
    /// Value of `light_pin` for a frame, as a part of the most.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-scope" = "conf"))]
    pub light_value: f64,
    /// Value of `light_pin` after a frame.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-scope" = "conf"))]
    pub light_idle: f64,
    /// A `[power]` device of Moonraker that is switched on for each frame.
    #[schemars(extend("x-scope" = "conf"))]
    pub light_power: String,
    /// How long the light takes to be steady, and the camera to adjust to it; the head stands still meanwhile.
    #[schemars(range(min = 0.0, max = 2.0), extend("x-scope" = "conf", "x-unit" = "s"))]
    pub light_settle: f64,
    /// Cameras whose automatic exposure, focus and white balance are switched off for a print, one a line: the device
    /// (such as /dev/video0), and optionally which (`exposure`, `focus`, `white_balance`) and `CONTROL=VALUE` pairs.
    #[schemars(extend("x-scope" = "conf"))]
    pub camera_lock: String,
    /// The v4l2-ctl program.
    #[schemars(extend("x-scope" = "conf"))]
    pub v4l2_ctl_binary_path: String,

    // Cameras that are no webcams; see docs/cameras.md.
    /// A program that takes one picture per run, in place of a webcam: `gphoto2 --capture-image-and-download --filename
    /// {file}`, or any other. Without `{file}` the JPEG is read from its standard output.
    #[schemars(extend("x-scope" = "conf"))]
    pub camera_command: String,
    /// After this the program is killed, and the frame missed.
    #[schemars(range(min = 1, max = 300), extend("x-scope" = "conf", "x-unit" = "s"))]
    pub camera_command_timeout: u32,
    /// A line of the program's output with this text says that the exposure is over: the head may leave while the picture
    /// is downloaded. Empty waits for the program's end.
    #[schemars(extend("x-scope" = "conf"))]
    pub camera_shutter_word: String,
    /// A macro that is run for each frame while the head stands still, to trigger a camera by the printer. Its pictures
    /// stay on that camera.
    #[schemars(extend("x-scope" = "conf"))]
    pub camera_macro: String,

    // Films beside the default one.
    /// More films of each print, one a line: `name: key=value ...`, see docs/films.md. A line `default: ...` changes the
    /// film that the settings above describe.
    #[schemars(extend("x-scope" = "conf"))]
    pub profiles: String,

    // The page.
    /// Address at which the page is served: 127.0.0.1 is for this host only (and for a proxy on it), 0.0.0.0 for the
    /// network, where Moonraker's trusted clients and its API key count. Empty serves no page.
    #[schemars(extend("x-scope" = "conf"))]
    pub web_host: String,
    /// Its port; 0 serves no page.
    #[schemars(range(min = 0, max = 65535), extend("x-scope" = "conf"))]
    pub web_port: u32,
    /// More names under which browsers may reach the page, separated by commas: those that end in neither .local, .lan,
    /// .home.arpa, .internal nor .localdomain.
    #[schemars(extend("x-scope" = "conf"))]
    pub web_names: String,
    /// Largest archive of frames that may be uploaded to the page.
    #[schemars(range(min = 1, max = 100000), extend("x-scope" = "conf", "x-unit" = "MB"))]
    pub web_upload_mb: u32,
}

impl Settings {
    /// Seconds from one hyperlapse frame to the next, where one is filmed.
    #[must_use]
    pub fn hyperlapse(&self) -> Option<u32> {
        let wanted = self.enabled && (self.mode == Mode::Hyperlapse || self.hyperlapse_beside);
        wanted.then_some(self.hyperlapse_cycle)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            mode: Mode::Auto,
            camera: String::new(),
            stream_delay_compensation: 0.05,
            gcode_verbose: false,
            parkhead: true,
            parkpos: ParkPosition::BackLeft,
            park_custom_pos_x: 10.0,
            park_custom_pos_y: 10.0,
            park_custom_pos_dz: 0.0,
            park_travel_speed: 200,
            park_retract_speed: 15,
            park_extrude_speed: 15,
            park_retract_distance: 1.0,
            park_extrude_distance: 1.0,
            park_time: 0.1,
            fw_retract: false,
            hyperlapse_cycle: 30,
            autorender: true,
            constant_rate_factor: 23,
            output_framerate: 30.0,
            pixelformat: "yuv420p".to_owned(),
            time_format_code: "%Y%m%d_%H%M".to_owned(),
            extraoutputparams: String::new(),
            variable_fps: false,
            targetlength: 10,
            variable_fps_min: 5,
            variable_fps_max: 60,
            duplicatelastframe: 5,
            previewimage: true,
            saveframes: false,
            rotation: 0,
            flip_x: false,
            flip_y: false,
            snapshoturl: "http://localhost:8080/?action=snapshot".to_owned(),
            output_path: "~/timelapse/".to_owned(),
            frame_path: "/tmp/timelapse/".to_owned(),
            ffmpeg_binary_path: "ffmpeg".to_owned(),
            wget_skip_cert_check: false,
            session_path: String::new(),
            park: String::new(),
            placement: "retracted_travel".to_owned(),
            park_travel_accel: 0,
            clearance: 40.0,
            restrictions: String::new(),
            every_layers: 1,
            height_increment: 1.0,
            hyperlapse_beside: false,
            snapshot_gcode: String::new(),
            cameras: String::new(),
            hold_camera: String::new(),
            camera_options: String::new(),
            camera_gone_after: 3,
            annotate_files: false,
            film_while_printing: FilmWhilePrinting::Segments,
            cancelled_print: AfterPrint::Keep,
            failed_print: AfterPrint::Keep,
            webhook_url: String::new(),
            disk_reserve: 500,
            keep_frames_days: 0,
            keep_frames_count: 0,
            keep_frames_size: 5000,
            keep_films_days: 0,
            keep_films_count: 0,
            keep_films_size: 0,
            hook_before_print: String::new(),
            hook_after_print: String::new(),
            hook_before_frame: String::new(),
            hook_after_frame: String::new(),
            hook_before_film: String::new(),
            hook_after_film: String::new(),
            hook_camera_gone: String::new(),
            hook_timeout: 30,
            gcode_before_print: String::new(),
            gcode_after_print: String::new(),
            gcode_before_frame: String::new(),
            gcode_after_frame: String::new(),
            gcode_before_film: String::new(),
            gcode_after_film: String::new(),
            gcode_camera_gone: String::new(),
            light_pin: String::new(),
            light_value: 1.0,
            light_idle: 0.0,
            light_power: String::new(),
            light_settle: 0.2,
            camera_lock: String::new(),
            v4l2_ctl_binary_path: "v4l2-ctl".to_owned(),
            camera_command: String::new(),
            camera_command_timeout: 30,
            camera_shutter_word: "shutter".to_owned(),
            camera_macro: String::new(),
            profiles: String::new(),
            web_host: "127.0.0.1".to_owned(),
            web_port: 7190,
            web_names: String::new(),
            web_upload_mb: 4000,
        }
    }
}
