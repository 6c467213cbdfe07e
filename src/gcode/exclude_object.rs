//! The objects on the bed, from EXCLUDE_OBJECT_DEFINE, _START, _END or the slicers' comments.

use super::line::Extended;
use super::number;

/// An object's index in [`Objects`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub u32);

/// An object as the file describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// Its name, in upper case as Klipper has it.
    pub name: String,
    /// CENTER, mm.
    pub center: Option<[f64; 2]>,
    /// POLYGON: its outline, mm. Empty when not given.
    pub outline: Vec<[f64; 2]>,
}

/// More objects than this are a broken file; the rest is not kept.
const MOST_OBJECTS: usize = 1024;

/// More corners than this are not kept of an outline.
const MOST_CORNERS: usize = 1024;

/// Longer names are no names, bytes.
const LONGEST_NAME: usize = 1024;

/// The objects of a file in the order in which they were first named.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    objects: Vec<Object>,
}

impl Objects {
    /// The object of that id.
    #[must_use]
    pub fn get(&self, id: ObjectId) -> Option<&Object> {
        self.objects.get(usize::try_from(id.0).ok()?)
    }

    /// Every object with its id.
    pub fn iter(&self) -> impl Iterator<Item = (ObjectId, &Object)> {
        (0..).map(ObjectId).zip(&self.objects)
    }

    /// The id of the object of that name, made when it is new. Klipper compares names in upper case.
    pub(super) fn intern(&mut self, name: &[u8]) -> Option<ObjectId> {
        let known = self.objects.iter().position(|object| object.name.as_bytes().eq_ignore_ascii_case(name));
        let index = match known {
            Some(index) => index,
            None if self.objects.len() >= MOST_OBJECTS || name.len() > LONGEST_NAME => return None,
            None => {
                let name = String::from_utf8_lossy(name).to_ascii_uppercase();
                self.objects.push(Object { name, ..Object::default() });
                self.objects.len() - 1
            }
        };
        u32::try_from(index).ok().map(ObjectId)
    }

    /// EXCLUDE_OBJECT_DEFINE.
    pub(super) fn define(&mut self, command: &Extended<'_>) {
        if command.get("RESET").is_some_and(|reset| !reset.is_empty()) {
            self.objects.clear();
            return;
        }
        let Some(id) = command.get("NAME").and_then(|name| self.intern(&name)) else { return };
        let Some(object) = usize::try_from(id.0).ok().and_then(|index| self.objects.get_mut(index)) else { return };
        if let Some(center) = command.get("CENTER") {
            object.center = points(&center).next();
        }
        if let Some(outline) = command.get("POLYGON") {
            object.outline = points(&outline).take(MOST_CORNERS).collect();
        }
    }
}

/// Pairs of numbers in `[[1,2],[3,4]]` or `1,2`.
fn points(text: &[u8]) -> impl Iterator<Item = [f64; 2]> {
    let mut numbers = text
        .split(|byte| matches!(byte, b'[' | b']' | b',') || byte.is_ascii_whitespace())
        .filter(|number| !number.is_empty())
        .map_while(number::parse);
    std::iter::from_fn(move || Some([numbers.next()?, numbers.next()?]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcode::line::Command;
    use crate::gcode::parse::Parser;

    fn define(objects: &mut Objects, line: &str) {
        let mut parser = Parser::default();
        let Command::Extended(command) = parser.parse(line.as_bytes()).command else { panic!("{line}") };
        objects.define(&command);
    }

    #[test]
    fn a_definition_keeps_name_center_and_outline() {
        let mut objects = Objects::default();
        define(&mut objects, "EXCLUDE_OBJECT_DEFINE NAME=cube_1 CENTER=10.5,20 POLYGON=[[0,0],[1,0.5],[1,1]]");
        define(&mut objects, "exclude_object_define name='CUBE_1' center=11,20");
        let (id, object) = objects.iter().next().unwrap();
        assert_eq!(id, ObjectId(0));
        assert_eq!(object.name, "CUBE_1");
        assert_eq!(object.center, Some([11.0, 20.0]));
        assert_eq!(object.outline, [[0.0, 0.0], [1.0, 0.5], [1.0, 1.0]]);
        assert_eq!(objects.iter().count(), 1);
        define(&mut objects, "EXCLUDE_OBJECT_DEFINE RESET=1");
        assert_eq!(objects.iter().count(), 0);
    }
}
