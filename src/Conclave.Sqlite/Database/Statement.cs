using System.Runtime.CompilerServices;
using System.Text;
using SQLitePCL;

namespace Conclave.Sqlite;

/// <summary>
/// A prepared statement that is used again and again. Bind, then <see cref="Step"/> until it is false, or <see cref="Reset"/> early:
/// a statement that is not reset keeps its snapshot open.
/// </summary>
internal sealed class Statement(Connection connection, sqlite3_stmt handle) : IDisposable
{
    private const int MaxText = 1100;

    public void Bind(int parameter, long value) => connection.Check(raw.sqlite3_bind_int64(handle, parameter, value));

    [SkipLocalsInit]
    public void Bind(int parameter, ReadOnlySpan<char> text)
    {
        Span<byte> utf8 = stackalloc byte[MaxText];
        if (Encoding.UTF8.TryGetBytes(text, utf8, out int length))
        {
            BindText(parameter, utf8[..length]);
        }
        else
        {
            BindText(parameter, Encoding.UTF8.GetBytes(text.ToArray()));
        }
    }

    /// <summary>Binds text that is not empty: SQLite takes an empty span for NULL.</summary>
    public void BindText(int parameter, ReadOnlySpan<byte> utf8) => connection.Check(raw.sqlite3_bind_text(handle, parameter, utf8));

    public void BindTextOrNull(int parameter, string? text)
    {
        if (text is null)
        {
            connection.Check(raw.sqlite3_bind_null(handle, parameter));
        }
        else
        {
            Bind(parameter, text);
        }
    }

    public void BindBlob(int parameter, ReadOnlySpan<byte> bytes) => connection.Check(bytes.IsEmpty
        ? raw.sqlite3_bind_zeroblob(handle, parameter, 0)
        : raw.sqlite3_bind_blob(handle, parameter, bytes));

    /// <summary>Runs on to the next row.</summary>
    /// <returns>False behind the last row; the statement is reset then.</returns>
    public bool Step()
    {
        int code = TryStep();
        return code is raw.SQLITE_ROW or raw.SQLITE_DONE ? code == raw.SQLITE_ROW : throw connection.Failure(code);
    }

    /// <summary>Runs to the end.</summary>
    public void Run()
    {
        while (Step())
        {
        }
    }

    /// <summary>Like <see cref="Step"/>, but hands out every result code.</summary>
    public int TryStep()
    {
        int code = raw.sqlite3_step(handle);
        if (code != raw.SQLITE_ROW)
        {
            Reset();
        }

        return code;
    }

    // the code of a reset repeats that of the last step
    public void Reset() => _ = raw.sqlite3_reset(handle);

    public long Integer(int column) => raw.sqlite3_column_int64(handle, column);

    public bool IsNull(int column) => raw.sqlite3_column_type(handle, column) == raw.SQLITE_NULL;

    public string Text(int column) => Encoding.UTF8.GetString(raw.sqlite3_column_blob(handle, column));

    public string? TextOrNull(int column) => IsNull(column) ? null : Text(column);

    /// <summary>The bytes of a blob or text; valid until the next step.</summary>
    public ReadOnlySpan<byte> Bytes(int column) => raw.sqlite3_column_blob(handle, column);

    public void Dispose() => _ = raw.sqlite3_finalize(handle);
}
