//! Decodes messages of ROS 2: the definitions that a recording carries, and the bytes of its messages.
//!
//! - [`definition`] reads the text of a message definition with all types that it uses.
//! - [`cdr`] reads numbers, texts and lengths from the bytes of a message.
//! - [`path`] names a number in a message, such as `effort[left_wheel]`.
//! - [`plan`] works out what to read for some paths, [`message`] reads the numbers from each message in one pass, [`numbers()`] lists those that there are, and [`text()`] reads a text.
//!
//! Nothing here trusts what it reads: no length is believed before as many bytes are there.

mod cdr;
mod definition;
mod message;
mod numbers;
mod path;
mod plan;
mod text;

pub(crate) use self::definition::Definition;
pub(crate) use self::message::MessageReader;
pub(crate) use self::numbers::numbers;
pub(crate) use self::path::ValuePath;
pub(crate) use self::text::text;

#[cfg(test)]
pub(crate) mod tests {
    /// The definition of `sensor_msgs/msg/JointState`.
    pub(crate) const JOINT_STATE: &str = "std_msgs/Header header\n\nstring[] name\nfloat64[] position\nfloat64[] velocity\n\
        float64[] effort\n\n===\nMSG: std_msgs/Header\n# Two-integer timestamp\nbuiltin_interfaces/Time stamp\nstring frame_id\n\
        \n===\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n";

    /// A message of that type with these efforts, whose positions are the indices of the joints.
    pub(crate) fn joint_state(seconds: f64, efforts: &[(&str, f64)]) -> Vec<u8> {
        let mut message = vec![0, 1, 0, 0];
        let align = |message: &mut Vec<u8>, size: usize| {
            while !(message.len() - 4).is_multiple_of(size) {
                message.push(0);
            }
        };
        let length = |message: &mut Vec<u8>, length: usize| {
            align(message, 4);
            message.extend((length as u32).to_le_bytes());
        };
        let text = |message: &mut Vec<u8>, text: &str| {
            length(message, text.len() + 1);
            message.extend(text.as_bytes());
            message.push(0);
        };
        let numbers = |message: &mut Vec<u8>, numbers: &[f64]| {
            length(message, numbers.len());
            if !numbers.is_empty() {
                align(message, 8);
            }
            numbers.iter().for_each(|number| message.extend(number.to_le_bytes()));
        };
        message.extend((seconds.floor() as i32).to_le_bytes());
        message.extend((((seconds - seconds.floor()) * 1e9).round() as u32).to_le_bytes());
        text(&mut message, "base");
        length(&mut message, efforts.len());
        efforts.iter().for_each(|(name, _)| text(&mut message, name));
        let positions: Vec<f64> = (0..efforts.len()).map(|index| index as f64).collect();
        numbers(&mut message, &positions);
        numbers(&mut message, &[]);
        numbers(&mut message, &efforts.iter().map(|(_, effort)| *effort).collect::<Vec<_>>());
        message
    }
}
