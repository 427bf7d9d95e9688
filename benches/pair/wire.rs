//! As much of the servers' protocol as a fake needs: one login without a check, questions, answers as text.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};

/// What a fake server says it is.
pub(crate) const VERSION: &str = "9.7.4";
const PLUGIN: &str = "mysql_native_password";
/// Protocol 4.1, transactions, secure connection, several statements and results, plugins, attributes.
const CAPABILITIES: u32 = 0x1f | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000 | 0x10_0000;
const AUTOCOMMIT: u16 = 2;
const MORE_RESULTS: u16 = 8;
const QUIT: u8 = 1;
const QUERY: u8 = 3;

/// The answer to one statement.
pub(crate) enum Answer {
    /// It was done.
    Done,
    /// Rows with the names of their columns.
    Rows(Vec<&'static str>, Vec<Vec<Option<String>>>),
}

/// Serves one connection to its end.
pub(crate) async fn serve<S: AsyncReadExt + AsyncWriteExt + Unpin>(
    stream: S,
    id: u32,
    mut answer: impl FnMut(&str) -> Answer,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    write(&mut stream, packet(0, &greeting(id))).await?;
    let (sequence, _) = read(&mut stream).await?;
    write(&mut stream, packet(sequence + 1, &done(0))).await?;
    loop {
        let (_, asked) = read(&mut stream).await?;
        let Some((command, text)) = asked.split_first() else {
            return Ok(());
        };
        let mut out = Vec::new();
        match *command {
            QUIT => return Ok(()),
            QUERY => {
                let text = String::from_utf8_lossy(text);
                let statements: Vec<_> = text.split("; ").collect();
                let mut sequence = 1;
                for (number, statement) in statements.iter().enumerate() {
                    let more = match number + 1 < statements.len() {
                        true => MORE_RESULTS,
                        false => 0,
                    };
                    encode(&answer(statement), more, &mut sequence, &mut out);
                }
            }
            _ => out = packet(1, &done(0)),
        }
        write(&mut stream, out).await?;
    }
}

async fn read<S: AsyncReadExt + Unpin>(stream: &mut S) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [low, middle, high, sequence] = head;
    let mut body = vec![0; u32::from_le_bytes([low, middle, high, 0]) as usize];
    stream.read_exact(&mut body).await?;
    Ok((sequence, body))
}

async fn write<S: AsyncWriteExt + Unpin>(stream: &mut S, bytes: Vec<u8>) -> io::Result<()> {
    stream.write_all(&bytes).await?;
    stream.flush().await
}

fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(0).to_le_bytes();
    let mut bytes = vec![length[0], length[1], length[2], sequence];
    bytes.extend(body);
    bytes
}

fn greeting(id: u32) -> Vec<u8> {
    let capabilities = CAPABILITIES.to_le_bytes();
    let mut body = vec![10];
    body.extend(VERSION.as_bytes());
    body.push(0);
    body.extend(id.to_le_bytes());
    body.extend([b'x'; 8]);
    body.push(0);
    body.extend([capabilities[0], capabilities[1], 45]);
    body.extend(AUTOCOMMIT.to_le_bytes());
    body.extend([capabilities[2], capabilities[3], 21]);
    body.extend([0; 10]);
    body.extend([b'x'; 12]);
    body.push(0);
    body.extend(PLUGIN.as_bytes());
    body.push(0);
    body
}

fn done(more: u16) -> Vec<u8> {
    let [low, high] = (AUTOCOMMIT | more).to_le_bytes();
    vec![0, 0, 0, low, high, 0, 0]
}

fn end_of_part(more: u16) -> Vec<u8> {
    let [low, high] = (AUTOCOMMIT | more).to_le_bytes();
    vec![0xfe, 0, 0, low, high]
}

fn encode(answer: &Answer, more: u16, sequence: &mut u8, out: &mut Vec<u8>) {
    let mut add = |body: &[u8]| {
        out.extend(packet(*sequence, body));
        *sequence = sequence.wrapping_add(1);
    };
    let Answer::Rows(names, rows) = answer else {
        return add(&done(more));
    };
    add(&[u8::try_from(names.len()).unwrap_or(0)]);
    for name in names {
        add(&column(name));
    }
    add(&end_of_part(more));
    for row in rows {
        let mut body = Vec::new();
        for cell in row {
            match cell {
                None => body.push(0xfb),
                Some(cell) => text(cell, &mut body),
            }
        }
        add(&body);
    }
    add(&end_of_part(more));
}

fn column(name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for part in ["def", "", "", "", name, ""] {
        text(part, &mut body);
    }
    // Twelve bytes follow: character set, longest value, VAR_STRING, no flags.
    body.extend([12, 45, 0, 0, 4, 0, 0, 0xfd, 0, 0, 0, 0, 0]);
    body
}

fn text(value: &str, body: &mut Vec<u8>) {
    match u8::try_from(value.len()) {
        Ok(length) if length < 251 => body.push(length),
        _ => {
            body.push(0xfc);
            body.extend(u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
        }
    }
    body.extend(value.as_bytes());
}
