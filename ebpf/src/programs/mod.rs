//! The programs, each named as in `weir_abi::maps`.

mod download;
mod steer_down;
mod steer_stick;
mod steer_up;
mod stick;
mod upload;
