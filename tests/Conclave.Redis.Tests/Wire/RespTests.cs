using System.Text;

namespace Conclave.Redis.Tests.Wire;

public sealed class RespTests
{
    [Theory]
    [InlineData("+OK\r\n")]
    [InlineData("-ERR wrong\r\n")]
    [InlineData(":42\r\n")]
    [InlineData("_\r\n")]
    [InlineData("#t\r\n")]
    [InlineData(",3.5\r\n")]
    [InlineData("(12345678901234567890\r\n")]
    [InlineData("$5\r\na\r\nb\0\r\n")]
    [InlineData("$0\r\n\r\n")]
    [InlineData("$-1\r\n")]
    [InlineData("=7\r\ntxt:abc\r\n")]
    [InlineData("!5\r\nERR x\r\n")]
    [InlineData("*0\r\n")]
    [InlineData("*-1\r\n")]
    [InlineData("*3\r\n:1\r\n*2\r\n$1\r\na\r\n_\r\n+x\r\n")]
    [InlineData("%2\r\n+a\r\n%1\r\n+b\r\n*1\r\n:1\r\n+c\r\n~2\r\n:1\r\n:2\r\n")]
    [InlineData("|1\r\n+ttl\r\n:5\r\n*1\r\n:7\r\n")]
    [InlineData(">3\r\n+message\r\n+c\r\n$2\r\nhi\r\n")]
    public void A_value_is_whole_with_its_last_byte_and_not_before(string text)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(text + "+next\r\n");
        var frame = new RespFrame();
        for (int come = 0; come < text.Length; come++)
        {
            Assert.False(frame.TryMeasure(bytes.AsSpan(0, come), out _), $"after {come} bytes of {text.Length}");
        }

        Assert.True(frame.TryMeasure(bytes.AsSpan(0, text.Length), out int length));
        Assert.Equal(text.Length, length);
        var atOnce = new RespFrame();
        Assert.True(atOnce.TryMeasure(bytes, out length));
        Assert.Equal(text.Length, length);
    }

    [Theory]
    [InlineData("HTTP/1.1 400\r\n")]
    [InlineData("$x\r\n")]
    [InlineData("*1x\r\n")]
    [InlineData("$-7\r\n")]
    [InlineData("$99999999999\r\n")]
    [InlineData("\x15\x03\x01\r\n")]
    public void Nonsense_is_refused(string text) =>
        Assert.Throws<RespException>(() => new RespFrame().TryMeasure(Encoding.Latin1.GetBytes(text), out _));

    [Fact]
    public void A_line_that_never_ends_is_refused() =>
        Assert.Throws<RespException>(() => new RespFrame().TryMeasure(Encoding.Latin1.GetBytes("+" + new string('x', 100_000)), out _));

    [Fact]
    public void Parts_are_read_in_order()
    {
        var reader = new RespReader("*6\r\n:-7\r\n$3\r\nabc\r\n_\r\n,42\r\n%1\r\n+k\r\n*2\r\n:1\r\n:2\r\n$2\r\n19\r\n"u8);
        Assert.Equal(6, reader.ReadArray());
        Assert.Equal(-7, reader.ReadNumber());
        Assert.Equal("abc", reader.ReadText());
        Assert.False(reader.TryReadBytes(out _));
        Assert.Equal(42, reader.ReadNumber());
        reader.Skip();
        Assert.Equal(19, reader.ReadNumber());
        Assert.True(reader.AtEnd);
    }

    [Fact]
    public void Errors_are_thrown_wherever_they_stand()
    {
        var simple = Assert.Throws<RedisErrorException>(() => new RespReader("-NOSCRIPT No matching script\r\n"u8).ReadArray());
        Assert.Equal(("NOSCRIPT", true), (simple.Code, simple.ProvesNothingApplied));
        Assert.Throws<RedisErrorException>(() => new RespReader("!8\r\nOOM full\r\n"u8).ReadText());
        Assert.Throws<RedisErrorException>(() =>
        {
            var nested = new RespReader("*2\r\n:1\r\n-ERR x\r\n"u8);
            _ = nested.ReadArray();
            _ = nested.ReadNumber();
            _ = nested.ReadText();
        });
    }

    [Theory]
    [InlineData("LOADING Redis is loading the dataset in memory", true)]
    [InlineData("OOM allow-oom flag is not set on the script", true)]
    [InlineData("OOM command not allowed script: 0a, on @user_script:12.", false)]
    [InlineData("NOPERM no access script: 0a, on @user_script:12.", false)]
    [InlineData("ERR unknown", false)]
    [InlineData("READONLY You can't write against a read only replica.", true)]
    public void Only_a_closed_list_of_errors_proves_that_nothing_was_applied(string error, bool proves) =>
        Assert.Equal(proves, new RedisErrorException(error).ProvesNothingApplied);

    [Fact]
    public void Commands_are_arrays_of_strings()
    {
        var writer = new RespWriter();
        writer.Command(3);
        writer.Word("SET");
        writer.Word("("u8, "é");
        writer.Word(-12);
        Assert.Equal("*3\r\n$3\r\nSET\r\n$3\r\n(é\r\n$3\r\n-12\r\n", Encoding.UTF8.GetString(writer.Written.Span));
        writer.Clear();
        writer.Word(new byte[1_000_000]);
        Assert.Equal(1_000_000 + 12, writer.Length);
    }
}
