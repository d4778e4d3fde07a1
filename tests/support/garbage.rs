//! Lines that make no sense.

/// Numbers that look random and are the same in every run.
pub(crate) struct Numbers(u64);

impl Numbers {
    /// Another seed makes other numbers.
    pub(crate) fn new(seed: u64) -> Self {
        // Of a zero, nothing but zeros would come.
        Self(seed.max(1))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).expect("an index")]
    }

    /// A number below `end`, rather small than large.
    pub(crate) fn size(&mut self, end: u64) -> usize {
        let end = 1 + self.below(end);
        usize::try_from(self.below(end)).expect("a size")
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let bytes = (0..=self.below(most)).map(|_| self.next().to_le_bytes()[0]);
        bytes.filter(|byte| *byte != b'\n').collect()
    }
}

/// A message that makes no sense, or none at all; `None` as its id if it is not to be answered.
pub(crate) fn garbage(numbers: &mut Numbers, number: u64) -> (Vec<u8>, Option<u64>) {
    const METHODS: [&str; 7] = [
        "tools/call",
        "tasks/get",
        "tasks/cancel",
        "logging/setLevel",
        "resources/read",
        "ping",
        "no/such",
    ];
    const PARAMS: [&str; 9] = [
        "5",
        "[]",
        "{}",
        r#"{"name":5}"#,
        r#"{"name":"none"}"#,
        r#"{"name":"print"}"#,
        r#"{"name":"print","arguments":{"text":7,"_metadata":{"mcpc_task_id":[]}}}"#,
        r#"{"name":"work","arguments":{"mcpc_params":1,"seconds":-1}}"#,
        r#"{"taskId":"none","level":"loud","_meta":{"progressToken":{}}}"#,
    ];
    let request = |numbers: &mut Numbers| {
        let (method, params) = (numbers.pick(&METHODS), numbers.pick(&PARAMS));
        format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":{params}}}"#)
    };
    match numbers.below(8) {
        0 => (numbers.bytes(80), None),
        // A random byte of a request is another.
        1 => {
            let mut line = request(numbers).into_bytes();
            let at = usize::try_from(numbers.below(line.len() as u64)).expect("an index");
            line[at] = b' ' + numbers.next().to_le_bytes()[0] % 90;
            (line, None)
        }
        2 => {
            let mut line = request(numbers).into_bytes();
            line.truncate(usize::try_from(numbers.below(line.len() as u64)).expect("a length"));
            (line, None)
        }
        3 => (r#"{"a":["#.repeat(100).into_bytes(), None),
        4 => {
            let id = numbers.below(100);
            (format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#).into_bytes(), None)
        }
        5 => {
            let params = numbers.pick(&PARAMS);
            let line = format!(r#"{{"jsonrpc":"2.0","method":"no/such","params":{params}}}"#);
            (line.into_bytes(), None)
        }
        _ => (request(numbers).into_bytes(), Some(number)),
    }
}
